"""ONNX Runtime as the bench runs it: one thread on the CPU, all else as it comes."""

from os import PathLike

import onnxruntime

from ...errors import InputError


def open_session(path: str | PathLike[str]) -> onnxruntime.InferenceSession:
    """Load a graph.

    Raises:
        InputError: the file is no graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a family of its own for files that are no graphs
        raise InputError(f"'{path}' is no ONNX graph: {str(error).splitlines()[0]}") from error
