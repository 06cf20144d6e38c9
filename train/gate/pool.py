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
from ..cue.levels import TICK_SAMPLES
from ..mixing.cues import RealCues
from ..mixing.mixtures import NONE, Mixer
from .held_out import HeldOutCues
from .recipe import PoolConfig

Float16 = npt.NDArray[np.float16]


class Mixture(NamedTuple):
    """One item.

    Attributes:
        noisy, clean: float32 ``[N]``.
        other: speech of somebody else, float32 ``[N]``.
        kept: the audio-only output for ``noisy``, float32 ``[2, T, F]``.
        gain: that brings ``noisy`` to unit power, float32 ``[T]``, see `InputLevel`.
        real: cues of the speaker's face and of the other one's; None where there are no faces.
    """

    noisy: Float32
    clean: Float32
    other: Float32
    kept: Float32
    gain: Float32
    real: RealCues | None = None


class _Packed(NamedTuple):
    """A mixture in half precision: waves and spectrum, each scaled to its peak."""

    parts: tuple[Float16, ...]
    peaks: tuple[float, ...]
    gain: Float32
    real: RealCues | None


class Pool:
    """A ring of mixtures in float16, each part scaled to its peak.

    Args:
        mixer: draws them.
        net: gives the audio-only output; in eval mode, no parameter needs a gradient.
        config: how many, and how fast they are renewed.
        seed: of the items.
        faces: speech with real cues, for a share of the items; None for none.
    """

    def __init__(
        self,
        mixer: Mixer,
        net: LiteAVSEMamba,
        config: PoolConfig,
        seed: int,
        faces: HeldOutCues | None = None,
    ) -> None:
        self.mixer, self.net, self.config, self.seed, self.faces = mixer, net, config, seed, faces
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
        if self.faces is not None and rng.random() < self.config.real:
            noisy, clean, other, real = self._draw_face(self.faces, rng)
        else:
            noisy, clean, other, real = (*self.mixer.draw_with_other(rng), None)
        # Alone: what other mixtures a batch holds must not change the last bits of its output. Not under
        # no_grad: the compiled kernels for whole sequences are those of training.
        spectrum, _ = self.analysis(torch.from_numpy(noisy)[None])
        kept, _, _ = self.net(spectrum)
        gain, _ = self.net.level(spectrum)
        return Mixture(noisy, clean, other, _array(kept[0]), _array(gain[0]), real)

    def _draw_face(
        self, faces: HeldOutCues, rng: np.random.Generator
    ) -> tuple[Float32, Float32, Float32, RealCues]:
        """A mixture of speech whose face is seen, that speech, speech of another face, and the two cues."""
        length = self.mixer.config.length
        ticks = -(-length // TICK_SAMPLES)
        own = faces.draw(ticks, rng)
        other = faces.draw(ticks, rng, own.speaker)
        kind = self.mixer.draw_kind(rng, own.speaker)
        noise = None if kind == NONE else self.mixer.interference(kind, False, rng, own.speaker)
        noisy, clean = self.mixer.mix(own.sound[:length], noise, rng)
        whole = length // TICK_SAMPLES
        return noisy, clean, other.sound[:length], RealCues(own.cue[:whole], other.cue[:whole])


def _array(tensor: Tensor) -> Float32:
    return np.asarray(tensor.detach().numpy(), np.float32)


def _packed(item: Mixture) -> _Packed:
    peaks = tuple(max(float(np.abs(part).max()), 1e-9) for part in item[:4])
    parts = tuple((part / peak).astype(np.float16) for part, peak in zip(item[:4], peaks, strict=True))
    return _Packed(parts, peaks, item.gain, item.real)


def _unpacked(item: _Packed) -> Mixture:
    noisy, clean, other, kept = (
        part.astype(np.float32) * np.float32(peak) for part, peak in zip(*item[:2], strict=True)
    )
    return Mixture(noisy, clean, other, kept, item.gain, item.real)
