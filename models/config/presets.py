"""The configurations that have names: presets, and experiments."""

from ...errors import InputError
from .lips import CUE_SIZE, VisualConfig, VoiceGateConfig
from .model import ModelConfig
from .sound import AttentionConfig, BranchConfig, MemoryConfig, MixerConfig, StftConfig

PRESETS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        ModelConfig(
            name="parent",
            channels=64,
            num_blocks=4,
            codec="dense",
            time=MixerConfig(),
            frequency=MixerConfig(),
            stft=StftConfig(hop=100),
            visual=VisualConfig(encoder="mobilenet", smoothing=False, frequency_prior=False),
        ),
        ModelConfig(
            name="base",
            channels=48,
            num_blocks=4,
            codec="separable",
            time=MixerConfig(version=2, expand=2),
            frequency=MixerConfig(version=2, d_conv=3, expand=2, shared_directions=True),
        ),
        ModelConfig(
            name="lite",
            channels=32,
            num_blocks=2,
            codec="band",
            time=MixerConfig(version=2, expand=2),
            frequency=MixerConfig(version=2, d_conv=3, expand=2, shared_directions=True),
            memory=MemoryConfig(),
            visual=VisualConfig(encoder="landmarks", embedding_size=CUE_SIZE),
            gate=VoiceGateConfig(),
        ),
    )
}


#: Configurations to train and measure under their names. They are listed nowhere and have no weights.
EXPERIMENTS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        # After MP-SENet with Mamba: attention along frequency, and a branch each for magnitude and phase.
        ModelConfig(
            name="parallel",
            channels=32,
            num_blocks=2,
            codec="separable",
            time=MixerConfig(version=2, expand=2),
            frequency=MixerConfig(version=2, d_conv=3, expand=2, shared_directions=True),
            attention=AttentionConfig(),
            branches=BranchConfig(blocks=1),
        ),
    )
}


def preset(name: str) -> ModelConfig:
    """The configuration of a preset, or of an experiment.

    Raises:
        InputError: there is no such preset.
    """
    found = PRESETS.get(name) or EXPERIMENTS.get(name)
    if found is None:
        raise InputError(f"unknown model '{name}': choose one of {', '.join(PRESETS)}")
    return found
