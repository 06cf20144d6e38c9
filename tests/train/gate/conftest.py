"""A tiny model with a voice gate, its weights in a file, and a short recipe for the miniature corpus."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lipstream.models.config import (
    CUE_SIZE,
    PRESETS,
    BandCodecConfig,
    BandRegion,
    LandmarkConfig,
    MixerConfig,
    ModelConfig,
    VisualConfig,
    VoiceGateConfig,
)
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.train.gate.recipe import GateLossConfig, GateRecipe, PoolConfig, StageConfig, TrunkConfig
from lipstream.train.mixing.mixtures import MixConfig
from lipstream.train.run.optimizer import OptimizerConfig


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a preset; one thread, as results depend on their number."""
    config = ModelConfig(
        name="tiny-gated",
        channels=4,
        num_blocks=1,
        codec="band",
        time=MixerConfig(version=2, expand=2, d_state=4, head_size=4),
        frequency=MixerConfig(version=2, expand=2, d_state=4, head_size=4, shared_directions=True),
        band=BandCodecConfig(features=4, regions=(BandRegion(10, 20),), taps=1),
        visual=VisualConfig(
            encoder="landmarks", embedding_size=CUE_SIZE, landmarks=LandmarkConfig(channels=4, members=2)
        ),
        gate=VoiceGateConfig(
            channels=3, hidden=16, layers=1, squeezed=12, trust=8, memory_s=0.5, lags=(0, 6)
        ),
    )
    monkeypatch.setitem(PRESETS, config.name, config)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield config.name
    torch.set_num_threads(threads)


@pytest.fixture
def weights(gated: str, tmp_path: Path) -> Path:
    """Random weights of the model, whole."""
    torch.manual_seed(5)
    save_file(LiteAVSEMamba(PRESETS[gated]).state_dict(), tmp_path / "start.safetensors")
    return tmp_path / "start.safetensors"


@pytest.fixture
def make_recipe(data: Path, gated: str, weights: Path) -> Callable[..., GateRecipe]:
    """Makes recipes: stages of 4, 3 and 2 steps on four mixtures of a second, one renewed every two steps."""

    def make(**changes: Any) -> GateRecipe:
        settings: dict[str, Any] = {
            "preset": gated,
            "start_from": str(weights),
            "data": str(data),
            "checkpoint_every": 2,
            "mix": MixConfig(seconds=1.0, source_weights={"mini": 1.0}, pause_probability=0.5),
            "pool": PoolConfig(items=4, renew=1, every=2),
            "loss": GateLossConfig(),
            "optimizer": OptimizerConfig(learning_rate=5e-3, warmup_steps=2),
            "trunk": TrunkConfig(steps=4, batch=2, seconds=0.6),
            "trust": StageConfig(steps=3, batch=2),
            "joint": StageConfig(steps=2, batch=2, rate=0.5),
        }
        return GateRecipe(**(settings | changes))

    return make
