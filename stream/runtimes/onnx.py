"""ONNX Runtime on one CPU thread, states bound in place: two sets that take turns as input and output."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

from ...errors import InputError
from ...models.registry import graph_files, require_shipped
from .base import Float32, StreamSpec, UInt8

_IN, _OUT = "state_in.", "state_out."
_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


def _session(path: Path) -> onnxruntime.InferenceSession:
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


class _BoundGraph:
    """A graph with its inputs, outputs and two state sets in fixed buffers.

    ``inputs`` and ``outputs`` are NumPy arrays to write and to read; `run` steps the graph and swaps the
    state sets.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.inputs = {
            item.name: np.zeros(item.shape, _NUMPY_TYPES[item.type])
            for item in session.get_inputs()
            if not item.name.startswith(_IN)
        }
        self.outputs = {
            item.name: np.zeros(item.shape, np.float32)
            for item in session.get_outputs()
            if not item.name.startswith(_OUT)
        }
        self._names = [item.name[len(_IN) :] for item in session.get_inputs() if item.name.startswith(_IN)]
        shapes = {item.name: item.shape for item in session.get_inputs()}
        self._states = [
            {name: np.zeros(shapes[_IN + name], np.float32) for name in self._names} for _ in range(2)
        ]
        # The tensors must outlive the bindings that point into them.
        self._held: list[onnxruntime.OrtValue] = []
        self._bindings = [self._bind(before=0, after=1), self._bind(before=1, after=0)]
        self._turn = 0

    def _bind(self, before: int, after: int) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        sources = self.inputs | {_IN + name: self._states[before][name] for name in self._names}
        targets = self.outputs | {_OUT + name: self._states[after][name] for name in self._names}
        for name, array in sources.items():
            self._held.append(onnxruntime.OrtValue.ortvalue_from_numpy(array))
            binding.bind_ortvalue_input(name, self._held[-1])
        for name, array in targets.items():
            self._held.append(onnxruntime.OrtValue.ortvalue_from_numpy(array))
            binding.bind_ortvalue_output(name, self._held[-1])
        return binding

    @property
    def state_bytes(self) -> int:
        return sum(array.nbytes for array in self._states[0].values())

    def reset(self) -> None:
        for state in self._states:
            for array in state.values():
                array.fill(0.0)
        self._turn = 0

    def run(self) -> None:
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn


class LipsEncoder:
    """The visual encoder of a model, lips to embedding; its graph is loaded when it is first needed.

    Args:
        graph: the graph of a lip crop.
        model: name of the preset, for the message where it is missing.
    """

    def __init__(self, graph: Path, model: str) -> None:
        self._graph, self._model = graph, model
        self._bound: _BoundGraph | None = None

    @property
    def state_bytes(self) -> int:
        return self._loaded().state_bytes

    def reset(self) -> None:
        if self._bound is not None:
            self._bound.reset()

    def encode(self, crop: UInt8) -> Float32:
        """See `Runtime.encode_lips`.

        Raises:
            InputError: the graph is missing, or is none.
        """
        lips = self._loaded()
        lips.inputs["crop"][0] = crop
        lips.run()
        return lips.outputs["embedding_out"][0].copy()

    def _loaded(self) -> _BoundGraph:
        if self._bound is None:
            self._bound = _BoundGraph(_session(require_shipped(self._graph, self._model)))
        return self._bound


class OnnxRuntime:
    """A `Runtime` on two exported graphs: wave to wave, and lips to embedding.

    Args:
        graph: the graph of a hop.
        lips_graph: the graph of a lip crop; loaded when the first crop comes.

    Raises:
        InputError: a file is no graph, or none of lipstream's.
    """

    def __init__(self, graph: Path, lips_graph: Path) -> None:
        session = _session(graph)
        described = session.get_modelmeta().custom_metadata_map.get("lipstream")
        if described is None:
            raise InputError(f"{graph} is no graph of lipstream: make one with 'lipstream export'")
        self.spec = StreamSpec(**json.loads(described))
        self._hop = _BoundGraph(session)
        self._lips = LipsEncoder(lips_graph, self.spec.name)

    @classmethod
    def of_preset(cls, model: str) -> "OnnxRuntime":
        """The shipped graphs of a preset.

        Raises:
            InputError: no such preset, or no weights ship with it.
        """
        graph, lips_graph = graph_files(model)
        return cls(require_shipped(graph, model), lips_graph)

    @property
    def state_bytes(self) -> int:
        return self._hop.state_bytes + self._lips.state_bytes

    def reset(self) -> None:
        self._hop.reset()
        self._lips.reset()

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        inputs = self._hop.inputs
        inputs["hop"][0] = hop
        inputs["embedding"][0] = embedding
        inputs["video_age_s"][0] = video_age_s
        inputs["dry"][0] = dry
        self._hop.run()
        return self._hop.outputs["out"][0].copy(), float(self._hop.outputs["alpha"][0])

    def encode_lips(self, crop: UInt8) -> Float32:
        return self._lips.encode(crop)
