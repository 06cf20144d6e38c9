"""Exported graphs as runtimes: one stream, or many in one batch. The default; needs no torch."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from ...core.arrays import Bool, Float32, UInt8
from ...errors import InputError
from ...models.store.registry import graph_files, require_shipped
from .base import StreamSpec
from .onnx_graph import BoundGraph, LipsEncoder, open_graph


class OnnxRuntime:
    """A `Runtime` on two exported graphs: wave to wave, and lips to embedding.

    Args:
        graph: the graph of a hop.
        lips_graph: the graph of a lip crop; loaded when the first crop comes.

    Raises:
        InputError: a file is no graph, or none of lipstream's.
    """

    def __init__(self, graph: Path, lips_graph: Path) -> None:
        session = open_graph(graph)
        self.spec = _described(session, graph)
        self._hop = BoundGraph(session)
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
        for state in self._hop.states:
            state.fill(0.0)
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


class OnnxPool:
    """A `PoolRuntime` on two exported graphs: the hops of all active streams are one batch.

    Args:
        graph: the graph of a hop, with the number of streams left open.
        lips_graph: the graph of a lip crop; loaded when the first crop comes.
        streams: how many.

    Raises:
        InputError: a file is no graph, none of lipstream's, or one for a single stream.
    """

    def __init__(self, graph: Path, lips_graph: Path, streams: int) -> None:
        session = open_graph(graph)
        self.spec = _described(session, graph)
        self.streams = streams
        if isinstance(session.get_inputs()[0].shape[0], int):
            raise InputError(
                f"{graph} is for one stream alone (as all with Mamba-1 along frequency are): use runtime "
                "'eager', or make it again with 'lipstream export'"
            )
        self._batch = BoundGraph(session, streams)
        self._lips = LipsEncoder(lips_graph, self.spec.name)
        # States lie in the batch while their streams are active, in its first rows; else they are parked.
        self._parked = [state.copy() for state in self._batch.states]
        self._seated = np.arange(0)

    @classmethod
    def of_preset(cls, model: str, streams: int) -> "OnnxPool":
        """The shipped graphs of a preset.

        Raises:
            InputError: no such preset, or no weights ship with it.
        """
        graph, lips_graph = graph_files(model)
        return cls(require_shipped(graph, model), lips_graph, streams)

    @property
    def state_bytes(self) -> int:
        return self._batch.state_bytes + self._lips.state_bytes

    def reset(self, stream: int) -> None:
        self._seat(np.arange(0))
        for parked in self._parked:
            parked[stream] = 0.0
        self._lips.reset(stream)

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        seated = np.flatnonzero(active)
        if not np.array_equal(seated, self._seated):
            self._seat(seated)
        out, alphas = np.zeros_like(hops), np.zeros_like(dry)
        count = len(seated)
        if count:
            given = {"hop": hops, "embedding": embeddings, "video_age_s": video_ages_s, "dry": dry}
            for name, array in given.items():
                self._batch.inputs[name][:count] = array[seated]
            self._batch.run(count)
            out[seated] = self._batch.outputs["out"][:count]
            alphas[seated] = self._batch.outputs["alpha"][:count]
        return out, alphas

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        return self._lips.encode(crop, stream)

    def _seat(self, seated: npt.NDArray[np.intp]) -> None:
        """Park the streams in the batch and let others take their rows."""
        for parked, rows in zip(self._parked, self._batch.states, strict=True):
            parked[self._seated] = rows[: len(self._seated)]
            rows[: len(seated)] = parked[seated]
        self._seated = seated


def _described(session: onnxruntime.InferenceSession, graph: Path) -> StreamSpec:
    """What a graph says of itself; InputError where it is none of lipstream's."""
    described = session.get_modelmeta().custom_metadata_map.get("lipstream")
    if described is None:
        raise InputError(f"{graph} is no graph of lipstream: make one with 'lipstream export'")
    return StreamSpec(**json.loads(described))
