"""The sizes of a streaming model as the compiled step wants them. Without NumPy, for setup.py."""

from ....errors import InputError
from ....kernels.cpu.sizes import BandSizes, GateSizes, MemorySizes, MixerSizes, SightSizes, StepSizes
from ...config import (
    VCE_HIDDEN,
    BandCodecConfig,
    LandmarkConfig,
    MemoryConfig,
    MixerConfig,
    ModelConfig,
    VoiceGateConfig,
    level_hold_frames,
)


def step_sizes(config: ModelConfig) -> StepSizes:
    """The sizes that the step is compiled for.

    Raises:
        InputError: the step serves no model of this kind.
    """
    served = (
        config.codec in ("band", "separable")
        and config.causal
        and config.time.version == config.frequency.version == 2
        and config.frequency.shared_directions
        and config.attention is None
        and config.branches is None
        and (config.memory is None or config.memory.mixer.version == 2)
        and config.visual.early is None
        and config.sees_landmarks == (config.gate is not None)
    )
    if not served:
        raise InputError(f"runtime 'native' does not serve model '{config.name}': use 'onnx' or 'eager'")
    return StepSizes(
        window=config.stft.window,
        hop=config.stft.hop,
        level_hold=level_hold_frames(config.stft.frames_per_second),
        band=_band_sizes(config.band) if config.codec == "band" else None,
        positions=positions_of(config),
        channels=config.channels,
        embedding=config.visual.embedding_size,
        hidden=VCE_HIDDEN,
        gate=None if config.gate is None else _gate_sizes(config.gate, config.band),
        sight=None if config.gate is None else _sight_sizes(config.visual.landmarks),
        memory=None if config.memory is None else _memory_sizes(config.memory),
        time=_mixer_sizes(config.channels, config.time, config.time.d_conv),
        frequency=_mixer_sizes(config.channels, config.frequency, config.frequency.d_conv | 1),
        blocks=config.num_blocks,
    )


def positions_of(config: ModelConfig) -> int:
    """Along frequency, that the codec makes of the bins."""
    return config.band.bands if config.codec == "band" else config.stft.bins // 2


def _band_sizes(band: BandCodecConfig) -> BandSizes:
    regions = tuple((region.width, region.bands) for region in band.regions)
    return BandSizes(band.features, regions, band.taps)


def _gate_sizes(gate: VoiceGateConfig, band: BandCodecConfig) -> GateSizes:
    return GateSizes(
        band.bands, gate.channels, gate.hidden, gate.layers, gate.squeezed, gate.trust, gate.lags
    )


def _sight_sizes(encoder: LandmarkConfig) -> SightSizes:
    return SightSizes(encoder.channels, encoder.layers, encoder.taps, encoder.members)


def _memory_sizes(memory: MemoryConfig) -> MemorySizes:
    mixer = _mixer_sizes(memory.channels, memory.mixer, memory.mixer.d_conv)
    return MemorySizes(memory.features, memory.channels, mixer)


def _mixer_sizes(channels: int, mixer: MixerConfig, taps: int) -> MixerSizes:
    inner = mixer.expand * channels
    return MixerSizes(inner, mixer.d_state, inner // mixer.head_size, taps)
