"""A model that looks ahead in an Enhancer: the sound waits for the lips, and the latency says how long."""

import numpy as np
import pytest
import torch

from lipstream import Enhancer
from lipstream.models.config import (
    BandCodecConfig,
    BandRegion,
    EarlyConfig,
    MixerConfig,
    ModelConfig,
    VisualConfig,
)
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.stream.runtimes.eager import EagerRuntime

MIXER = MixerConfig(version=2, expand=2, d_state=4, head_size=4, shared_directions=True)
EARLY = EarlyConfig(hidden=4, scout_frames=2)


@pytest.fixture(scope="module")
def runtime() -> EagerRuntime:
    config = ModelConfig(
        name="scout",
        channels=4,
        num_blocks=1,
        codec="band",
        time=MixerConfig(version=2, expand=2, d_state=4, head_size=4),
        frequency=MIXER,
        band=BandCodecConfig(features=4, regions=(BandRegion(10, 20),), taps=1),
        visual=VisualConfig(
            embedding_size=8, lips_size=32, smoothing=False, frequency_prior=False, early=EARLY
        ),
    )
    torch.manual_seed(0)
    return EagerRuntime(LiteAVSEMamba(config).eval())


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_bypass_gives_the_input_as_late_as_it_says_to_the_bit(runtime: EagerRuntime, rate: int) -> None:
    wave = (0.1 * np.random.default_rng(0).standard_normal(rate // 2)).astype(np.float32)
    enhancer = Enhancer(sample_rate=rate, runtime=runtime, bypass=True)
    out = np.concatenate([enhancer.process(chunk) for chunk in np.array_split(wave, 37)] + [enhancer.flush()])
    lag = enhancer.latency_samples
    assert enhancer.latency.lookahead == 0.0875 * rate
    assert lag == enhancer.latency.window + enhancer.latency.lookahead + enhancer.latency.resampler
    np.testing.assert_array_equal(out[lag:], wave)
    assert not out[:lag].any()


def test_a_click_stays_where_it_was_heard(runtime: EagerRuntime) -> None:
    wave = np.zeros(16_000, np.float32)
    wave[8_000] = 0.5
    enhancer = Enhancer(runtime=runtime)
    out = np.concatenate([enhancer.process(wave), enhancer.flush()])
    assert abs(int(np.argmax(np.abs(out))) - 8_000 - enhancer.latency_samples) <= 1
