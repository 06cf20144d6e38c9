"""Exported graphs as runtimes: one stream, or many in one batch. The default; needs no torch."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from ...core.arrays import Bool, Float32, UInt8
from ...errors import InputError
from ...models.store.registry import ModelName, graph_files, require_file
from .base import StreamSpec, any_lips, check_sees
from .onnx_graph import BoundGraph, Carried, LipsEncoder, open_graph


class _Hops:
    """The graphs of a hop: one for all, or one of audio alone and one with the voice gate.

    Those two carry on the same streams. The second is loaded when video first counts.
    """

    def __init__(self, graph: Path, gate_graph: Path | None, streams: int = 1) -> None:
        session = open_graph(graph)
        self.spec = _described(session, graph)
        self._gate_graph, self._streams = gate_graph, streams
        self.carried = Carried()
        self._plain = BoundGraph(session, streams, self.carried)
        self.any_number = isinstance(session.get_inputs()[0].shape[0], str)
        if (self.spec.lips == "landmarks") != (gate_graph is not None):
            raise InputError(
                f"{graph} sees {self.spec.lips}: a graph with the voice gate goes with landmarks, and with "
                "nothing else; make all graphs at once with 'lipstream export'"
            )

    @cached_property
    def _gated(self) -> BoundGraph:
        assert self._gate_graph is not None
        path = require_file(self._gate_graph, self.spec.name)
        return BoundGraph(open_graph(path), self._streams, self.carried)

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream."""
        return (self._plain if self._gate_graph is None else self._gated).state_bytes

    def run(self, inputs: dict[str, Float32], count: int) -> tuple[Float32, Float32]:
        """Step the first so many streams.

        Args:
            inputs: ``hop``, ``embedding``, ``video_age_s`` and ``dry`` of those, ``[count, ...]``.

        Returns:
            Their output hops and alphas, which the next run writes over.
        """
        lips = self._gate_graph is not None and any_lips(inputs["video_age_s"])
        graph = self._gated if lips else self._plain
        for name, array in graph.inputs.items():
            array[:count] = inputs[name]
        graph.run(count)
        if "alpha" in graph.outputs:
            return graph.outputs["out"][:count], graph.outputs["alpha"][:count]
        # Lips that are gone leave nothing behind: the gate begins anew.
        self.carried.clear(self.carried.now.keys() - set(graph.names))
        return graph.outputs["out"][:count], np.zeros(count, np.float32)


class OnnxRuntime:
    """A `Runtime` on exported graphs, see `graph_files`.

    Args:
        graph: the graph of a hop.
        lips_graph: the graph of a lip crop or of a tick of encoder C; loaded when it is first needed.
        gate_graph: the graph of a hop with the voice gate, where the model has one; loaded likewise.

    Raises:
        InputError: a file is no graph, or none of lipstream's.
    """

    def __init__(self, graph: Path, lips_graph: Path, gate_graph: Path | None = None) -> None:
        self._hops = _Hops(graph, gate_graph)
        self.spec = self._hops.spec
        self._lips = LipsEncoder(lips_graph, self.spec.name)

    @classmethod
    def of_preset(cls, model: ModelName) -> "OnnxRuntime":
        """The graphs of a model, see `find_model`.

        Raises:
            InputError: no such model, or no graphs are there.
        """
        graph, *others = graph_files(model)
        return cls(require_file(graph, model), *others)

    @property
    def state_bytes(self) -> int:
        return self._hops.state_bytes + self._lips.state_bytes

    def reset(self) -> None:
        self._hops.carried.clear(self._hops.carried.now)
        self._lips.reset()

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        ages_s, shares = np.array([[video_age_s], [dry]], np.float32)
        inputs = {"hop": hop[None], "embedding": embedding[None], "video_age_s": ages_s, "dry": shares}
        out, alphas = self._hops.run(inputs, 1)
        return out[0].copy(), float(alphas[0])

    def encode_lips(self, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        return self._lips.encode(crop)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._lips.see(landmarks, age_s)


class OnnxPool:
    """A `PoolRuntime` on exported graphs: the hops of all active streams are one batch.

    While the video of any of them counts, all go through the graph with the voice gate.

    Args:
        graph: the graph of a hop, with the number of streams left open.
        lips_graph: the graph of a lip crop or of a tick of encoder C; loaded when it is first needed.
        gate_graph: the graph of a hop with the voice gate, where the model has one; None: it has none.
        streams: how many.

    Raises:
        InputError: a file is no graph, none of lipstream's, or one for a single stream.
    """

    def __init__(self, graph: Path, lips_graph: Path, gate_graph: Path | None, streams: int) -> None:
        self._hops = _Hops(graph, gate_graph, streams)
        self.spec = self._hops.spec
        self.streams = streams
        if not self._hops.any_number:
            raise InputError(
                f"{graph} is for one stream alone (as all with Mamba-1 along frequency are): use runtime "
                "'eager', or make it again with 'lipstream export'"
            )
        self._lips = LipsEncoder(lips_graph, self.spec.name)
        # States lie in the batch while their streams are active, in its first rows; else they are parked.
        self._parked: dict[str, Float32] = {}
        self._seated = np.arange(0)

    @classmethod
    def of_preset(cls, model: ModelName, streams: int) -> "OnnxPool":
        """The graphs of a model, see `find_model`.

        Raises:
            InputError: no such model, or no graphs are there.
        """
        graph, lips_graph, *gate_graph = graph_files(model)
        return cls(require_file(graph, model), lips_graph, next(iter(gate_graph), None), streams)

    @property
    def state_bytes(self) -> int:
        return self._hops.state_bytes + self._lips.state_bytes

    def reset(self, stream: int) -> None:
        self._seat(np.arange(0))
        for parked in self._parked.values():
            parked[stream] = 0.0
        self._lips.reset(stream)

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        seated = np.flatnonzero(active)
        if not np.array_equal(seated, self._seated):
            self._seat(seated)
        out, alphas = np.zeros_like(hops), np.zeros_like(dry)
        if len(seated):
            given = {"hop": hops, "embedding": embeddings, "video_age_s": video_ages_s, "dry": dry}
            inputs = {name: array[seated] for name, array in given.items()}
            out[seated], alphas[seated] = self._hops.run(inputs, len(seated))
        return out, alphas

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        return self._lips.encode(crop, stream)

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._lips.see(landmarks, age_s, stream)

    def _seat(self, seated: npt.NDArray[np.intp]) -> None:
        """Park the streams in the batch and let others take their rows."""
        for name, rows in self._hops.carried.now.items():
            parked = self._parked.setdefault(name, np.zeros_like(rows))
            parked[self._seated] = rows[: len(self._seated)]
            rows[: len(seated)] = parked[seated]
        self._seated = seated


def _described(session: onnxruntime.InferenceSession, graph: Path) -> StreamSpec:
    """What a graph says of itself; InputError where it is none of lipstream's."""
    described = session.get_modelmeta().custom_metadata_map.get("lipstream")
    if described is None:
        raise InputError(f"{graph} is no graph of lipstream: make one with 'lipstream export'")
    return StreamSpec(**json.loads(described))
