"""Weights of a voice gate and of encoder C in the order ``kernels/cpu/infer`` reads them in. Torch-free."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ...config import CUE_SIZE, LandmarkConfig, ModelConfig, VoiceGateConfig
from ...lips.bands import cue_bands, gather, spread

Array = npt.NDArray[np.float64]

#: Numbers that encoder C makes of a face: `models.lips.landmarks.LandmarkGeometry.features`.
FACE_FEATURES = 171
#: Sounds whose levels it sees: what is heard, and the audio-only output.
_SOUNDS = 2


class GatePacker:
    """Packs the tensors whose names begin with ``gate.``, and those of ``visual.``.

    Args:
        config: of the model.
        gate: its voice gate.
        take: gives a tensor by name and shape, or raises.
    """

    def __init__(self, config: ModelConfig, gate: VoiceGateConfig, take: Callable[..., Array]) -> None:
        self.stft, self.band, self.gate, self.take = config.stft, config.band, gate, take

    def all(self) -> Iterator[Array]:
        """The gate, in order."""
        gate, bands, bins = self.gate, self.band.bands, self.stft.bins
        channels, numbers = gate.channels, gate.channels * bands
        yield from self.trust()
        yield gather(self.band, bins).astype(np.float64)
        yield spread(self.band, bins).astype(np.float64)
        yield self.take("gate.hear.weight", channels, _SOUNDS).T
        yield self.take("gate.position", bands, channels) + self.take("gate.hear.bias", channels)
        yield from self.dense("gate.see", numbers, CUE_SIZE)
        yield self.take("gate.admit.weight", 1, 2 * channels)
        yield self.take("gate.admit.bias", 1)
        yield from self.dense("gate.squeeze", gate.squeezed, numbers)
        for layer in range(gate.layers):
            yield from self.unit("gate.rows", layer, gate.hidden if layer else gate.squeezed, gate.hidden)
        yield from self.dense("gate.leave", bands, gate.hidden)

    def trust(self) -> Iterator[Array]:
        """What gives alpha."""
        gate, levels = self.gate, CUE_SIZE // 2
        evidence = _SOUNDS * levels * len(gate.lags) + levels + 1
        speeds = 1 / (1 + np.exp(-self.take("gate.trust.speed_logits", 2)))
        yield np.array([math.exp(-1 / (gate.memory_s * self.stft.frames_per_second))])
        yield speeds
        yield cue_bands(self.stft).astype(np.float64)
        yield from self.dense("gate.trust.enter", gate.trust, evidence + _SOUNDS * levels + CUE_SIZE + 1)
        yield from self.unit("gate.trust.row", 0, gate.trust, gate.trust)
        yield self.take("gate.trust.leave.weight", 1, gate.trust)
        yield self.take("gate.trust.leave.bias", 1)

    def sight(self, encoder: LandmarkConfig) -> Iterator[Array]:
        """Encoder C, in order; the scale of what it sees goes into its first layer."""
        channels, members, taps = encoder.channels, encoder.members, encoder.taps
        yield np.array([float(encoder.memory_ticks)])
        enter = self.take("visual.enter.weight", members * channels, FACE_FEATURES, 1)[:, :, 0]
        yield (enter / self.take("visual.scale", FACE_FEATURES)).T
        yield self.take("visual.enter.bias", members * channels)
        for layer in range(encoder.layers):
            name = f"visual.layers.{layer}"
            weight = self.take(f"{name}.weight", members * channels, channels, taps)
            bias = self.take(f"{name}.bias", members * channels)
            for rows, offset in zip(np.split(weight, members), np.split(bias, members), strict=True):
                yield rows.transpose(2, 1, 0)
                yield offset
        weight = self.take("visual.leave.weight", members * CUE_SIZE, channels, 1)[:, :, 0]
        bias = self.take("visual.leave.bias", members * CUE_SIZE)
        for rows, offset in zip(np.split(weight, members), np.split(bias, members), strict=True):
            yield rows.T
            yield offset
        yield np.exp(self.take("visual.prior", CUE_SIZE // 2))

    def dense(self, name: str, outputs: int, inputs: int) -> Iterator[Array]:
        """A linear layer."""
        yield self.take(f"{name}.weight", outputs, inputs).T
        yield self.take(f"{name}.bias", outputs)

    def unit(self, name: str, layer: int, inputs: int, hidden: int) -> Iterator[Array]:
        """A layer of gated recurrent units: what comes in, then what was hidden."""
        for side, size in (("ih", inputs), ("hh", hidden)):
            yield self.take(f"{name}.weight_{side}_l{layer}", 3 * hidden, size).T
            yield self.take(f"{name}.bias_{side}_l{layer}", 3 * hidden)
