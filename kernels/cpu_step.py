"""One hop of a whole streaming model as one compiled CPU function (``kernels/cpu/step.cpp``). Torch-free.

The sizes of the model are compiled in, so that every loop has a known length: one library for each shape.
"""

import ctypes
import functools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import build

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MixerSizes:
    """Of a Mamba-2 mixer: inner width, states, heads, taps of its short convolution."""

    inner: int
    states: int
    heads: int
    taps: int


@dataclass(frozen=True)
class StepSizes:
    """What the step is compiled for.

    Attributes:
        window, hop: samples.
        features: channels of full resolution in the codec.
        regions: width of a band in bins and number of bands, for each region.
        filter_taps: frames that the filter of a bin reaches over.
        channels: of the bands.
        embedding, hidden: width of the visual embedding, and of the VCE's hidden layer.
        time, frequency: the mixers of a block.
        blocks: how many.
    """

    window: int
    hop: int
    features: int
    regions: tuple[tuple[int, int], ...]
    filter_taps: int
    channels: int
    embedding: int
    hidden: int
    time: MixerSizes
    frequency: MixerSizes
    blocks: int

    def macros(self) -> list[str]:
        """The flags that hand the sizes to the compiler."""
        values = {
            "WINDOW": self.window,
            "HOP": self.hop,
            "FEATURES": self.features,
            "REGIONS": "{" + ",".join(f"{{{width},{bands}}}" for width, bands in self.regions) + "}",
            "TAPS": self.filter_taps,
            "CHANNELS": self.channels,
            "EMBEDDING": self.embedding,
            "HIDDEN": self.hidden,
            "TIME": _listed(self.time),
            "FREQUENCY": _listed(self.frequency),
            "BLOCKS": self.blocks,
        }
        return [f"-DLIPSTREAM_{name}={value}" for name, value in values.items()]


def _listed(mixer: MixerSizes) -> str:
    return f"{mixer.inner},{mixer.states},{mixer.heads},{mixer.taps}"


def _flags(sizes: StepSizes) -> list[str]:
    return ["-fvisibility=hidden", *sizes.macros()]


def is_built(sizes: StepSizes) -> bool:
    """Whether a `Step` of these sizes comes without being compiled first."""
    return build.is_built("step.cpp", _flags(sizes))


@functools.cache
def _library(sizes: StepSizes) -> ctypes.CDLL:
    library = build.library("step.cpp", _flags(sizes))
    address, real = ctypes.c_void_p, ctypes.c_float
    library.step_create.restype = address
    library.step_create.argtypes = [address, ctypes.c_long]
    library.step_destroy.argtypes = library.step_reset.argtypes = [address]
    library.step_destroy.restype = library.step_reset.restype = None
    library.step_hop.restype = real
    library.step_hop.argtypes = [address, address, address, real, real, address]
    library.step_state_bytes.restype = ctypes.c_long
    return library


class Step:
    """One stream: its weights, its state, and `hop`. Not thread-safe.

    Args:
        sizes: of the model.
        weights: float32, in the order of the readers in ``kernels/cpu/step*``.

    Raises:
        kernels.build.BuildError: the step cannot be compiled here.
        ValueError: the weights are not those of such a model.
        MemoryError: there is no memory.
    """

    def __init__(self, sizes: StepSizes, weights: Sequence[Float32]) -> None:
        library = _library(sizes)
        packed = np.concatenate([np.ravel(array) for array in weights]).astype(np.float32)
        stream = library.step_create(packed.ctypes.data, packed.size)
        if stream is None:
            raise ValueError(f"{packed.size} weights are not what the sizes of the model ask for")
        self._stream, self._library = ctypes.c_void_p(stream), library
        weakref.finalize(self, library.step_destroy, self._stream)
        self.state_bytes = int(library.step_state_bytes())
        self._hop = np.zeros(sizes.hop, np.float32)
        self._embedding = np.zeros(sizes.embedding, np.float32)
        self._out = np.zeros(sizes.hop, np.float32)
        self._inputs = [ctypes.c_void_p(array.ctypes.data) for array in (self._hop, self._embedding)]
        self._output = ctypes.c_void_p(self._out.ctypes.data)

    def reset(self) -> None:
        """Back to the start of a stream."""
        self._library.step_reset(self._stream)

    def hop(self, hop: Float32, embedding: Float32, video_age_s: float, dry: float) -> tuple[Float32, float]:
        """``[hop], [embedding]``, seconds, share of the noisy signal -> ``[hop]``, alpha."""
        self._hop[:] = hop
        self._embedding[:] = embedding
        alpha = self._library.step_hop(self._stream, *self._inputs, video_age_s, dry, self._output)
        return self._out.copy(), alpha
