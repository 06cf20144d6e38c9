"""Runtimes: the same streaming model on ONNX Runtime or on torch."""

from ...errors import InputError
from .base import NO_VIDEO_AGE_S, Runtime, StreamSpec

__all__ = ["NO_VIDEO_AGE_S", "RUNTIMES", "Runtime", "StreamSpec", "load_runtime"]

#: Names that `load_runtime` knows, the default first.
RUNTIMES = ("onnx", "eager")


def load_runtime(model: str, runtime: str = "onnx") -> Runtime:
    """One stream of a shipped model.

    Raises:
        InputError: unknown model or runtime, weights that do not ship, or a package that is not installed.
    """
    if runtime == "onnx":
        from .onnx import OnnxRuntime

        return OnnxRuntime.of_preset(model)
    if runtime == "eager":
        try:
            from .eager import EagerRuntime
        except ImportError as error:
            raise InputError(
                f"runtime 'eager' needs torch: pip install 'lipstream[torch]', or use 'onnx' ({error})"
            ) from error
        return EagerRuntime.of_preset(model)
    raise InputError(f"unknown runtime '{runtime}': choose one of {', '.join(RUNTIMES)}")
