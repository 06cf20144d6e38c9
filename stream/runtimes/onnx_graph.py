"""Exported graphs on ONNX Runtime, one CPU thread, states bound in place: two sets that take turns."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

from ...core.arrays import Float32, UInt8
from ...errors import InputError
from ...models.store.registry import require_file

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


class Carried:
    """States by name in two sets that take turns: a step reads one and writes the other.

    Graphs that are given the same one carry on the same streams, each what it has a name for.
    """

    def __init__(self) -> None:
        self.sets: tuple[dict[str, Float32], dict[str, Float32]] = ({}, {})
        self.turn = 0

    @property
    def now(self) -> dict[str, Float32]:
        """What the next step starts from, to read and to write; each ``[streams, ...]``."""
        return self.sets[self.turn]

    def clear(self, names: Iterable[str]) -> None:
        """Back to the start, of all streams."""
        for name in names:
            self.now[name].fill(0.0)


class BoundGraph:
    """A graph with its inputs, outputs and two state sets in fixed buffers.

    The first axis of every array counts streams.

    Args:
        session: of a graph that leaves the number of streams open, or was made for this number.
        streams: how many there is room for.
        carried: what it shares with other graphs; None: nothing.

    Attributes:
        inputs, outputs: arrays by name, to write before `run` and to read after it.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, streams: int = 1, carried: Carried | None = None
    ) -> None:
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
        self.carried = carried or Carried()
        #: Of the states, in the order of the graph.
        self.names: list[str] = []
        for item in session.get_inputs():
            if item.name.startswith(_IN):
                self.names.append(item.name[len(_IN) :])
                for states in self.carried.sets:
                    states.setdefault(self.names[-1], np.zeros(shape(item), np.float32))
        # The tensors must outlive the bindings that point into them.
        self._held: list[onnxruntime.OrtValue] = []
        self._bindings: dict[int, list[onnxruntime.IOBinding]] = {}

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream."""
        return sum(self.carried.now[name].nbytes for name in self.names) // self._streams

    def clear(self) -> None:
        """All streams back to their start."""
        self.carried.clear(self.names)

    def run(self, count: int = 1) -> None:
        """Step the first so many streams; what the others carried is lost."""
        if count not in self._bindings:
            self._bindings[count] = [self._bind(count, before, 1 - before) for before in range(2)]
        self._session.run_with_iobinding(self._bindings[count][self.carried.turn])
        self.carried.turn = 1 - self.carried.turn

    def _bind(self, count: int, before: int, after: int) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        sets = self.carried.sets
        sources = self.inputs | {_IN + name: sets[before][name] for name in self.names}
        targets = self.outputs | {_OUT + name: sets[after][name] for name in self.names}
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
    """The visual encoder of a model, crops to embeddings or landmarks to cues; loaded when first needed.

    `encode` and `see` are for one thread, `reset` for any: what it asks for is done when lips come next.

    Args:
        graph: of a lip crop, or of a tick of encoder C.
        model: name of the preset, for the message where it is missing.
    """

    def __init__(self, graph: Path, model: str) -> None:
        self._graph, self._model = graph, model
        self._bound: dict[int, BoundGraph] = {}
        self._begins: set[int] = set()

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream."""
        return BoundGraph(self._session).state_bytes

    def reset(self, stream: int = 0) -> None:
        """The next lips of a stream are its first."""
        self._begins.add(stream)

    def encode(self, crop: UInt8, stream: int = 0) -> Float32:
        """See `Runtime.encode_lips`; each stream has a state of its own.

        Raises:
            InputError: the graph is missing, or is none.
        """
        lips = self._of(stream)
        lips.inputs["crop"][0] = crop
        lips.run()
        return lips.outputs["embedding_out"][0].copy()

    def see(self, landmarks: Float32, age_s: float, stream: int = 0) -> Float32:
        """See `Runtime.see`; each stream has a state of its own.

        Raises:
            InputError: the graph is missing, or is none.
        """
        lips = self._of(stream)
        lips.inputs["landmarks"][0] = landmarks
        lips.inputs["age_s"][0] = age_s
        lips.run()
        return lips.outputs["cue"][0].copy()

    def _of(self, stream: int) -> BoundGraph:
        if stream not in self._bound:
            self._bound[stream] = BoundGraph(self._session)
        if stream in self._begins:
            self._begins.remove(stream)
            self._bound[stream].clear()
        return self._bound[stream]

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return open_graph(require_file(self._graph, self._model))
