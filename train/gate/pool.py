"""Mixtures with the audio-only output beside them, drawn once and used often, each time with another cue.

The network for sound, which stays as it is, costs more than a step of the gate. What the pool holds at a step
depends on the seed and the step alone, so that a run that goes on finds what it left.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.arrays import Float32
from ...models.layers.stft import Analysis
from ...models.lite_avse import LiteAVSEMamba
from ..mixing.mixtures import Mixer
from .recipe import PoolConfig

Float16 = npt.NDArray[np.float16]


class Mixture(NamedTuple):
    """One item.

    Attributes:
        noisy, clean: float32 ``[N]``.
        other: speech of somebody else, float32 ``[N]``.
        kept: the audio-only output for ``noisy``, float32 ``[2, T, F]``.
        gain: that brings ``noisy`` to unit power, float32 ``[T]``, see `InputLevel`.
    """

    noisy: Float32
    clean: Float32
    other: Float32
    kept: Float32
    gain: Float32


class _Packed(NamedTuple):
    """A mixture in half precision: all but its gain, each part scaled to its peak."""

    parts: tuple[Float16, ...]
    peaks: tuple[float, ...]
    gain: Float32


class Pool:
    """A ring of mixtures in float16, each part scaled to its peak.

    Args:
        mixer: draws them.
        net: gives the audio-only output; in eval mode, no parameter needs a gradient.
        config: how many, and how fast they are renewed.
        seed: of the items.
    """

    def __init__(self, mixer: Mixer, net: LiteAVSEMamba, config: PoolConfig, seed: int) -> None:
        self.mixer, self.net, self.config, self.seed = mixer, net, config, seed
        self.analysis = Analysis(net.config.stft)
        self._drawn = 0
        self._items: list[_Packed | None] = [None] * config.items

    def advance(self, step: int) -> Iterator[int]:
        """Draw what is lacking before a step; yields how many items are left to draw, after each."""
        last = self.config.items + self.config.renew * (step // self.config.every)
        for number in range(max(self._drawn, last - self.config.items), last):
            self._items[number % self.config.items] = _packed(self._draw(number))
            self._drawn = number + 1
            yield last - self._drawn

    def pick(self, rng: np.random.Generator) -> Mixture:
        """Any item; `advance` must have come to its end."""
        item = self._items[int(rng.integers(len(self._items)))]
        assert item is not None, "the pool is not full yet"
        return _unpacked(item)

    def _draw(self, number: int) -> Mixture:
        rng = np.random.default_rng((self.seed, 0, number))
        noisy, clean, other = self.mixer.draw_with_other(rng)
        # Alone: what other mixtures a batch holds must not change the last bits of its output. Not under
        # no_grad: the compiled kernels for whole sequences are those of training.
        spectrum, _ = self.analysis(torch.from_numpy(noisy)[None])
        kept, _, _ = self.net(spectrum)
        gain, _ = self.net.level(spectrum)
        return Mixture(noisy, clean, other, *(_array(part[0]) for part in (kept, gain)))


def _array(tensor: Tensor) -> Float32:
    return np.asarray(tensor.detach().numpy(), np.float32)


def _packed(item: Mixture) -> _Packed:
    peaks = tuple(max(float(np.abs(part).max()), 1e-9) for part in item[:4])
    parts = tuple((part / peak).astype(np.float16) for part, peak in zip(item[:4], peaks, strict=True))
    return _Packed(parts, peaks, item.gain)


def _unpacked(item: _Packed) -> Mixture:
    noisy, clean, other, kept = (
        part.astype(np.float32) * np.float32(peak) for part, peak in zip(*item[:2], strict=True)
    )
    return Mixture(noisy, clean, other, kept, item.gain)
