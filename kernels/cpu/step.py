"""Hops of a whole streaming model as one compiled CPU function (``kernels/cpu/infer/step.cpp``). Torch-free.

The sizes of the model are compiled in, so that every loop has a known length: one library for each shape.
"""

import ctypes
import functools
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import build

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MixerSizes:
    """Of a Mamba-2 mixer: inner width, states, heads, taps of its short convolution."""

    inner: int
    states: int
    heads: int
    taps: int


@dataclass(frozen=True)
class MemorySizes:
    """Of the memory of a block: numbers a position says and hears, channels of the row, and its mixer."""

    features: int
    channels: int
    mixer: MixerSizes


@dataclass(frozen=True)
class BandSizes:
    """Of the band codec: channels of full resolution, ``(width in bins, bands)`` of each region, and how many
    frames the filter of a bin reaches over.
    """

    features: int
    regions: tuple[tuple[int, int], ...]
    taps: int


@dataclass(frozen=True)
class GateSizes:
    """Of the voice gate: see `VoiceGateConfig`; ``bands`` is how many it opens and closes."""

    bands: int
    channels: int
    hidden: int
    layers: int
    squeezed: int
    trust: int
    lags: tuple[int, ...]


@dataclass(frozen=True)
class SightSizes:
    """Of encoder C: see `LandmarkConfig`."""

    channels: int
    layers: int
    taps: int
    members: int


@dataclass(frozen=True)
class StepSizes:
    """What the step is compiled for.

    Attributes:
        window, hop: samples.
        level_hold: frames for which the peak of the input level is held.
        band: of the band codec; None for the separable codec, which has no sizes of its own.
        positions: along frequency, that the codec makes of the bins.
        channels: of a position.
        embedding, hidden: width of the visual embedding or cue, and of the VCE's hidden layer.
        gate, sight: of the voice gate and of encoder C; None for a model of lip crops, which join the
            features and are encoded elsewhere.
        memory: of each block; None where they have none, so that nothing of it is compiled.
        time, frequency: the mixers of a block.
        blocks: how many.
    """

    window: int
    hop: int
    level_hold: int
    band: BandSizes | None
    positions: int
    channels: int
    embedding: int
    hidden: int
    gate: GateSizes | None
    sight: SightSizes | None
    memory: MemorySizes | None
    time: MixerSizes
    frequency: MixerSizes
    blocks: int

    def macros(self) -> list[str]:
        """The flags that hand the sizes to the compiler."""
        values: dict[str, int | str] = {
            "WINDOW": self.window,
            "HOP": self.hop,
            "LEVEL_HOLD": self.level_hold,
            "BANDS": self.positions,
            "CHANNELS": self.channels,
            "EMBEDDING": self.embedding,
            "HIDDEN": self.hidden,
            "TIME": _listed(self.time),
            "FREQUENCY": _listed(self.frequency),
            "BLOCKS": self.blocks,
        }
        if self.band is not None:
            regions = ",".join(f"{{{width},{bands}}}" for width, bands in self.band.regions)
            values |= {"FEATURES": self.band.features, "REGIONS": f"{{{regions}}}", "TAPS": self.band.taps}
        if self.memory is not None:
            values |= {
                "MEMORY_FEATURES": self.memory.features,
                "MEMORY_CHANNELS": self.memory.channels,
                "MEMORY": _listed(self.memory.mixer),
            }
        if self.gate is not None:
            gate, lags = self.gate, ",".join(map(str, self.gate.lags))
            values |= {
                "GATE_BANDS": gate.bands,
                "GATE_CHANNELS": gate.channels,
                "GATE_HIDDEN": gate.hidden,
                "GATE_LAYERS": gate.layers,
                "GATE_SQUEEZED": gate.squeezed,
                "GATE_TRUST": gate.trust,
                "GATE_LAGS": f"{{{lags}}}",
            }
        if self.sight is not None:
            values |= {
                "LANDMARKS_CHANNELS": self.sight.channels,
                "LANDMARKS_LAYERS": self.sight.layers,
                "LANDMARKS_TAPS": self.sight.taps,
                "LANDMARKS_MEMBERS": self.sight.members,
            }
        return [f"-DLIPSTREAM_{name}={value}" for name, value in values.items()]


def _listed(mixer: MixerSizes) -> str:
    return f"{mixer.inner},{mixer.states},{mixer.heads},{mixer.taps}"


def _flags(sizes: StepSizes) -> list[str]:
    return ["-fvisibility=hidden", *sizes.macros()]


def is_built(sizes: StepSizes) -> bool:
    """Whether a `StepPool` of these sizes comes without being compiled first."""
    return build.is_built("infer/step.cpp", _flags(sizes))


@functools.cache
def _library(sizes: StepSizes) -> ctypes.CDLL:
    library = build.library("infer/step.cpp", _flags(sizes))
    address, whole = ctypes.c_void_p, ctypes.c_int
    library.pool_create.restype = library.step_create.restype = address
    library.pool_create.argtypes = [address, ctypes.c_long, whole]
    library.step_create.argtypes = library.step_destroy.argtypes = library.pool_destroy.argtypes = [address]
    library.pool_reset.argtypes = [address, whole]
    library.step_hops.argtypes = [address, address, address, whole, *[address] * 6]
    for function in (library.pool_destroy, library.pool_reset, library.step_destroy, library.step_hops):
        function.restype = None
    library.pool_state_bytes.restype = ctypes.c_long
    if sizes.sight is not None:
        library.pool_see.argtypes = [address, whole, whole, address, ctypes.c_float, address]
        library.pool_see.restype = None
    return library


class StepPool:
    """Streams of one model: its weights, their states, and `hops`. Not thread-safe.

    Args:
        sizes: of the model.
        weights: float32, in the order of the readers in ``kernels/cpu/infer``.
        streams: how many, at least 1.
        threads: that share the streams of a call, at least 1.

    Raises:
        kernels.build.BuildError: the step cannot be compiled here.
        ValueError: the weights are not those of such a model.
        MemoryError: there is no memory.
    """

    def __init__(
        self, sizes: StepSizes, weights: Sequence[Float32], streams: int = 1, threads: int = 1
    ) -> None:
        self._library = _library(sizes)
        packed = np.concatenate([np.ravel(array) for array in weights]).astype(np.float32)
        pool = self._library.pool_create(packed.ctypes.data, packed.size, streams)
        if pool is None:
            raise ValueError(f"{packed.size} weights are not what the sizes of the model ask for")
        self._pool = self._kept(pool, self._library.pool_destroy)
        self._steps = [
            self._kept(self._library.step_create(self._pool), self._library.step_destroy)
            for _ in range(threads)
        ]
        self._threads = ThreadPoolExecutor(threads) if threads > 1 else None
        self.state_bytes = int(self._library.pool_state_bytes())
        self._unseen: set[int] = set()  # streams that begin with their next landmarks
        self._listed = np.zeros(streams, np.int32)
        shapes = [(streams, sizes.hop), (streams, sizes.embedding), streams, streams]
        self._inputs = [np.zeros(shape, np.float32) for shape in shapes]
        self._out, self._alphas = np.zeros((streams, sizes.hop), np.float32), np.zeros(streams, np.float32)
        arrays = (*self._inputs, self._out, self._alphas)
        self._arrays = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        self._starts = [ctypes.c_void_p(self._listed[k:].ctypes.data) for k in range(streams + 1)]

    def _kept(self, address: int | None, destroy: Callable[[ctypes.c_void_p], None]) -> ctypes.c_void_p:
        """The address, to be freed with this object."""
        if address is None:
            raise MemoryError
        pointer = ctypes.c_void_p(address)
        weakref.finalize(self, destroy, pointer)
        return pointer

    def reset(self, stream: int) -> None:
        """Back to the start of one stream."""
        self._library.pool_reset(self._pool, stream)
        self._unseen.add(stream)

    def hop(self, hop: Float32, embedding: Float32, video_age_s: float, dry: float) -> tuple[Float32, float]:
        """`hops` of the first stream alone, without what only many need: ``[hop]`` and alpha."""
        hops, embeddings, ages_s, shares = self._inputs
        hops[0], embeddings[0], ages_s[0], shares[0] = hop, embedding, video_age_s, dry
        self._listed[0] = 0
        self._run(0, 0, 1)
        return self._out[0].copy(), float(self._alphas[0])

    def hops(
        self,
        hops: Float32,
        embeddings: Float32,
        video_ages_s: Float32,
        dry: Float32,
        streams: npt.NDArray[np.integer],
    ) -> tuple[Float32, Float32]:
        """One hop of some streams.

        Args:
            hops, embeddings, video_ages_s, dry: of all streams ``[n, hop], [n, embedding]``, seconds ``[n]``,
                share of the noisy signal ``[n]``.
            streams: numbers of those to step, ``[k]``, each once.

        Returns:
            ``[n, hop]`` and alphas ``[n]``, zeros for the others.
        """
        for array, given in zip(self._inputs, (hops, embeddings, video_ages_s, dry), strict=True):
            array[:] = given
        self._out.fill(0)
        self._alphas.fill(0)
        count = len(streams)
        self._listed[:count] = streams
        if self._threads is None:
            self._run(0, 0, count)
        else:
            bounds = [count * thread // len(self._steps) for thread in range(len(self._steps) + 1)]
            list(self._threads.map(self._run, range(len(self._steps)), bounds, bounds[1:]))
        return self._out.copy(), self._alphas.copy()

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        """One tick of encoder C, in a model that has it: ``[44, 3]`` and seconds to a cue ``[embedding]``.

        Another thread than that of hops and resets may call it.
        """
        points = np.ascontiguousarray(landmarks, np.float32)
        cue = np.empty(self._inputs[1].shape[1], np.float32)
        first = stream in self._unseen
        self._unseen.discard(stream)
        self._library.pool_see(self._pool, stream, first, points.ctypes.data, age_s, cue.ctypes.data)
        return cue

    def _run(self, thread: int, start: int, stop: int) -> None:
        self._library.step_hops(
            self._steps[thread], self._pool, self._starts[start], stop - start, *self._arrays
        )
