"""Exported graphs on ONNX Runtime, one CPU thread, states bound in place: two sets that take turns."""

from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

from ...core.arrays import Float32, UInt8
from ...errors import InputError
from ...models.store.registry import require_shipped

_IN, _OUT = "state_in.", "state_out."
_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


def open_graph(path: Path) -> onnxruntime.InferenceSession:
    """Load a graph.

    Raises:
        InputError: the file is none.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Not ENABLE_ALL: blocked layouts cost more in reordering than convolutions of one frame gain by them.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a family of its own for files that are no graphs
        raise InputError(
            f"{path} is no graph that ONNX Runtime can run: {str(error).splitlines()[0]}"
        ) from error


class BoundGraph:
    """A graph with its inputs, outputs and two state sets in fixed buffers.

    The first axis of every array counts streams.

    Args:
        session: of a graph that leaves the number of streams open, or was made for this number.
        streams: how many there is room for.

    Attributes:
        inputs, outputs: arrays by name, to write before `run` and to read after it.
    """

    def __init__(self, session: onnxruntime.InferenceSession, streams: int = 1) -> None:
        self._session, self._streams = session, streams

        def shape(item: onnxruntime.NodeArg) -> list[int]:
            return [streams if isinstance(size, str) else size for size in item.shape]

        self.inputs = {
            item.name: np.zeros(shape(item), _NUMPY_TYPES[item.type])
            for item in session.get_inputs()
            if not item.name.startswith(_IN)
        }
        self.outputs = {
            item.name: np.zeros(shape(item), np.float32)
            for item in session.get_outputs()
            if not item.name.startswith(_OUT)
        }
        self._states = [
            {
                item.name[len(_IN) :]: np.zeros(shape(item), np.float32)
                for item in session.get_inputs()
                if item.name.startswith(_IN)
            }
            for _ in range(2)
        ]
        # The tensors must outlive the bindings that point into them.
        self._held: list[onnxruntime.OrtValue] = []
        self._bindings: dict[int, list[onnxruntime.IOBinding]] = {}
        self._turn = 0

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream."""
        return sum(array.nbytes for array in self._states[0].values()) // self._streams

    @property
    def states(self) -> list[Float32]:
        """What the next `run` starts from, to read and to write; each ``[streams, ...]``."""
        return list(self._states[self._turn].values())

    def run(self, count: int = 1) -> None:
        """Step the first so many streams; what the others carried is lost."""
        if count not in self._bindings:
            self._bindings[count] = [self._bind(count, before, 1 - before) for before in range(2)]
        self._session.run_with_iobinding(self._bindings[count][self._turn])
        self._turn = 1 - self._turn

    def _bind(self, count: int, before: int, after: int) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        sources = self.inputs | {_IN + name: array for name, array in self._states[before].items()}
        targets = self.outputs | {_OUT + name: array for name, array in self._states[after].items()}
        for name, array in sources.items():
            binding.bind_ortvalue_input(name, self._value(array, count))
        for name, array in targets.items():
            binding.bind_ortvalue_output(name, self._value(array, count))
        return binding

    def _value(self, array: Float32 | UInt8, count: int) -> onnxruntime.OrtValue:
        used = array if count == self._streams else array[:count]
        self._held.append(onnxruntime.OrtValue.ortvalue_from_numpy(used))
        return self._held[-1]


class LipsEncoder:
    """The visual encoder of a model, lips to embedding; its graph is loaded when it is first needed.

    `encode` is for one thread, `reset` for any: what it asks for is done when the next crop comes.

    Args:
        graph: the graph of a lip crop.
        model: name of the preset, for the message where it is missing.
    """

    def __init__(self, graph: Path, model: str) -> None:
        self._graph, self._model = graph, model
        self._bound: dict[int, BoundGraph] = {}
        self._begins: set[int] = set()

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream."""
        return self._of(0).state_bytes

    def reset(self, stream: int = 0) -> None:
        """The next crop of a stream is its first."""
        self._begins.add(stream)

    def encode(self, crop: UInt8, stream: int = 0) -> Float32:
        """See `Runtime.encode_lips`; each stream has a state of its own.

        Raises:
            InputError: the graph is missing, or is none.
        """
        lips = self._of(stream)
        if stream in self._begins:
            self._begins.remove(stream)
            for state in lips.states:
                state.fill(0.0)
        lips.inputs["crop"][0] = crop
        lips.run()
        return lips.outputs["embedding_out"][0].copy()

    def _of(self, stream: int) -> BoundGraph:
        if stream not in self._bound:
            self._bound[stream] = BoundGraph(self._session)
        return self._bound[stream]

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return open_graph(require_shipped(self._graph, self._model))
