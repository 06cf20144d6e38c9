"""The weights of a streaming model as the compiled step wants them: in order, and folded. Torch-free.

Folded means: done once here instead of every hop. Norm weights go into the projections behind them, and the
way out of a block's mixer is one matrix, ``x + linear(x + out(g)) = (I + linear) x + (linear out) g + bias``.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ....core.arrays import Float32
from ....errors import InputError
from ...config import (
    DENSE_DEPTH,
    EMBEDDING_LIMIT,
    LEVEL_FALL_DB_S,
    LEVEL_FLOOR_DBFS,
    LEVEL_TIME_CONSTANT_S,
    SAMPLE_LIMIT,
    VCE_HIDDEN,
    MemoryConfig,
    MixerConfig,
    ModelConfig,
)
from .gate_weights import GatePacker
from .sizes import positions_of

Array = npt.NDArray[np.float64]

#: A logit whose sigmoid is 1.
_CERTAIN = 80.0


def step_weights(config: ModelConfig, tensors: Mapping[str, Float32]) -> list[Float32]:
    """The weights in the order in which ``kernels/cpu/infer`` reads them.

    Args:
        config: a model that `step_sizes.step_sizes` takes.
        tensors: by the names of its parameters. Parts of the fusion may be missing: `ModelConfig.without`.

    Raises:
        InputError: a tensor is missing or has another shape.
    """
    packer = _Packer(config, tensors)
    return [np.asarray(array, np.float32) for array in packer.all()]


class _Packer:
    def __init__(self, config: ModelConfig, tensors: Mapping[str, Float32]) -> None:
        self.config, self.tensors = config, tensors

    def take(self, name: str, *shape: int) -> Array:
        found = self.tensors.get(name)
        if found is None or found.shape != shape:
            there = "missing" if found is None else f"of shape {list(found.shape)}, not {list(shape)}"
            raise InputError(f"the weights do not fit preset '{self.config.name}': {name} is {there}")
        return found.astype(np.float64)

    def all(self) -> Iterator[Array]:
        config = self.config
        rate = config.stft.frames_per_second
        decay, fall = math.exp(-1 / (rate * LEVEL_TIME_CONSTANT_S)), 10 ** (-LEVEL_FALL_DB_S / (10 * rate))
        yield np.array([decay, 10 ** (LEVEL_FLOOR_DBFS / 10), fall, SAMPLE_LIMIT, EMBEDDING_LIMIT])
        yield from self.band_codec() if config.codec == "band" else self.separable_codec()
        gate = None if config.gate is None else GatePacker(config, config.gate, self.take)
        yield from self.fusion() if gate is None else gate.all()
        for k in range(config.num_blocks):
            if config.memory is not None:
                yield from self.memory(f"blocks.{k}.memory", config.memory)
            yield from self.layer(f"blocks.{k}.time", config.time, config.time.d_conv)
            yield from self.layer(f"blocks.{k}.frequency", config.frequency, config.frequency.d_conv | 1)
        if gate is not None:
            yield from gate.sight(config.visual.landmarks)

    def band_codec(self) -> Iterator[Array]:
        config, features, channels = self.config.band, self.config.band.features, self.config.channels
        joined = 2 * features
        yield np.array([(self.config.stft.compression - 1) / 2])
        slope = self.take("codec.encoder.activation.weight", features)
        yield from self.convolution("codec.encoder.expand", features, 3, 5, slope)
        position = self.take("codec.encoder.position", channels, 1, config.bands)[:, 0].T
        biases = []
        for k, region in enumerate(config.regions):
            name = f"codec.encoder.bands.{k}"
            yield self.take(f"{name}.weight", channels, features, 1, 2 * region.width)[:, :, 0].T
            biases += [self.take(f"{name}.bias", channels)] * region.bands
        yield position + np.stack(biases)
        for k, region in enumerate(config.regions):
            name, width = f"codec.decoder.bands.{k}", features * region.width
            yield self.take(f"{name}.weight", width, channels, 1, 1)[:, :, 0, 0].T
            yield self.take(f"{name}.bias", width)
        slope = self.take("codec.decoder.activation.weight", joined)
        yield from self.convolution("codec.decoder.mix", joined, joined, 3, slope)
        yield from self.convolution(
            "codec.decoder.taps", 2 * config.taps, joined, 3, np.ones(2 * config.taps)
        )

    def convolution(self, name: str, outputs: int, inputs: int, width: int, slope: Array) -> Iterator[Array]:
        """Along frequency: ``[taps][outputs][inputs]``, bias, slope of the PReLU behind it (1: none)."""
        yield self.take(f"{name}.weight", outputs, inputs, 1, width)[:, :, 0].transpose(2, 0, 1)
        yield self.take(f"{name}.bias", outputs)
        yield slope

    def separable_codec(self) -> Iterator[Array]:
        """Biases in front of a norm over frequency are left out: they do nothing."""
        channels, stft = self.config.channels, self.config.stft
        yield np.array([stft.compression / 2, 1 / stft.compression])
        yield self.take("codec.encoder.dense_conv_1.0.weight", channels, 2, 1, 1)
        yield from self.norm("codec.encoder.dense_conv_1", 1, channels)
        yield from self.dense_block("codec.encoder.dense_block.dense_block")
        kernel = self.take("codec.encoder.dense_conv_2.0.weight", channels, channels, 1, 3)[:, :, 0]
        yield kernel.transpose(2, 0, 1)[[0, 2, 1]]
        yield from self.norm("codec.encoder.dense_conv_2", 1, channels)
        yield from self.dense_block("codec.magnitude.dense_block.dense_block")
        name = "codec.magnitude.mask_conv"
        to_one = self.take(f"{name}.1.weight", 1, channels, 1, 1)[:, :, 0, 0]
        yield to_one @ self.transposed(f"{name}.0")
        yield from self.norm(name, 2, 1)
        slope = self.take("codec.magnitude.lsigmoid.slope", stft.bins, 1)[:, 0]
        even_first = np.concatenate([slope[::2], slope[1::2]])
        yield even_first * self.take(f"{name}.4.weight", 1, 1, 1, 1).item()
        yield even_first * self.take(f"{name}.4.bias", 1).item()
        yield from self.dense_block("codec.phase.dense_block.dense_block")
        yield self.transposed("codec.phase.phase_conv.0")
        yield from self.norm("codec.phase.phase_conv", 1, channels)
        parts = ("codec.phase.phase_conv_r", "codec.phase.phase_conv_i")
        for part in parts:
            yield self.take(f"{part}.weight", 1, channels, 1, 1)
        for part in parts:
            yield self.take(f"{part}.bias", 1)

    def dense_block(self, name: str) -> Iterator[Array]:
        """Of separable convolutions; those of a layer see the newest channels first."""
        channels = self.config.channels
        for k in range(DENSE_DEPTH):
            inputs = (k + 1) * channels
            yield self.take(f"{name}.{k}.0.depthwise.weight", inputs, 1, 3, 3)
            yield self.take(f"{name}.{k}.0.pointwise.weight", channels, inputs, 1, 1)
            yield from self.norm(f"{name}.{k}", 1, channels)

    def norm(self, layers: str, at: int, channels: int) -> Iterator[Array]:
        """Of a sequence of layers the norm, number ``at``, and the PReLU behind it."""
        for name in (f"{at}.weight", f"{at}.bias", f"{at + 1}.weight"):
            yield self.take(f"{layers}.{name}", channels)

    def transposed(self, name: str) -> Array:
        """To all bins: ``[taps][outputs][inputs]``, two of even bins (place before, own), one of odd ones."""
        channels = self.config.channels
        kernel = self.take(f"{name}.weight", channels, channels, 1, 3)[:, :, 0]
        return kernel.transpose(2, 1, 0)[[2, 0, 1]]

    def fusion(self) -> Iterator[Array]:
        yield from self.vce()
        channels, size = self.config.channels, self.config.visual.embedding_size
        yield from self.linear("fusion.projection", channels, size)
        bands = positions_of(self.config)
        if "fusion.fsvg.conv.weight" not in self.tensors:  # the gate is 1
            yield from (np.zeros(2 * channels), np.array([_CERTAIN]), np.zeros(bands))
            return
        yield self.take("fusion.fsvg.conv.weight", 1, 2 * channels, 1, 1)
        yield self.take("fusion.fsvg.conv.bias", 1)
        has_prior = "fusion.fsvg.prior" in self.tensors
        yield self.take("fusion.fsvg.prior", bands) if has_prior else np.zeros(bands)

    def vce(self) -> Iterator[Array]:
        """Confidence, and how fast alpha follows it when it rises and falls (1: at once)."""
        size, smoothing = self.config.visual.embedding_size, "fusion.vce.speed_logits" in self.tensors
        name = "fusion.vce.vce.layers" if smoothing else "fusion.vce.layers"
        if f"{name}.0.weight" in self.tensors:
            yield from self.linear(f"{name}.0", VCE_HIDDEN, size)
            yield self.take(f"{name}.2.weight", 1, VCE_HIDDEN)
            yield self.take(f"{name}.2.bias", 1)
        else:  # certain of every video frame
            yield from (np.zeros((size + 2) * VCE_HIDDEN), np.array([_CERTAIN]))
        yield 1 / (1 + np.exp(-self.take("fusion.vce.speed_logits", 2))) if smoothing else np.ones(2)

    def memory(self, name: str, config: MemoryConfig) -> Iterator[Array]:
        """What the positions say, the mixer of their row, and what they hear."""
        channels, row, features = self.config.channels, config.channels, config.features
        positions = positions_of(self.config)
        norm = self.take(f"{name}.norm.weight", channels)
        yield (self.take(f"{name}.squeeze.weight", features, channels) * norm).T
        enter = self.take(f"{name}.enter.weight", row, positions * features)
        yield enter.T
        said = np.tile(self.take(f"{name}.squeeze.bias", features), positions)
        yield enter @ said + self.take(f"{name}.enter.bias", row)
        yield from self.mixer(f"{name}.mamba", row, config.mixer, config.mixer.d_conv)
        yield self.out(f"{name}.mamba", row, config.mixer).T
        yield from self.linear(f"{name}.leave", positions * features, row)
        yield from self.linear(f"{name}.widen", channels, features)

    def layer(self, name: str, config: MixerConfig, taps: int) -> Iterator[Array]:
        """The mixer of an axis, and its way out."""
        channels, mamba = self.config.channels, f"{name}_mamba"
        yield from self.mixer(mamba, channels, config, taps)
        linear = self.take(f"{name}_linear.weight", channels, channels)
        yield (np.eye(channels) + linear).T
        yield (linear @ self.out(mamba, channels, config)).T
        yield self.take(f"{name}_linear.bias", channels)

    def mixer(self, name: str, channels: int, config: MixerConfig, taps: int) -> Iterator[Array]:
        """From its rows to gated values."""
        inner, heads = config.expand * channels, config.expand * channels // config.head_size
        mixed, inside = inner + 2 * config.d_state, f"{name}.mixer"
        norm = self.take(f"{name}.norm.weight", channels)
        projection = self.take(f"{inside}.in_proj.weight", inner + mixed + heads, channels) * norm
        for part in np.split(projection, [inner, inner + mixed]):
            yield part.T
        yield self.take(f"{inside}.conv1d.weight", mixed, 1, taps)[:, 0].T
        yield self.take(f"{inside}.conv1d.bias", mixed)
        yield self.take(f"{inside}.dt_bias", heads)
        yield -np.exp(self.take(f"{inside}.A_log", heads))
        yield self.take(f"{inside}.D", heads)

    def out(self, name: str, channels: int, config: MixerConfig) -> Array:
        """From gated values to what a mixer adds to its rows."""
        inner = config.expand * channels
        gate_norm = self.take(f"{name}.mixer.norm.weight", inner)
        return self.take(f"{name}.mixer.out_proj.weight", channels, inner) * gate_norm

    def linear(self, name: str, outputs: int, inputs: int) -> Iterator[Array]:
        yield self.take(f"{name}.weight", outputs, inputs).T
        yield self.take(f"{name}.bias", outputs)
