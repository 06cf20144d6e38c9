"""What no microphone gives leaves nothing behind: a second of speech later all is as undisturbed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import Enhancer, EnhancerPool
from lipstream.core.arrays import Float32
from lipstream.models.config import SAMPLE_LIMIT
from lipstream.stream.landmarks_timeline import MOST_PIXELS

RATE = 16_000
#: Sound before the speech, and the speech.
BEFORE, SPEECH = RATE // 2, 2 * RATE
#: The graph and torch take ten times as long as the compiled step.
RUNTIMES = ["native", *(pytest.param(name, marks=pytest.mark.slow) for name in ("onnx", "eager"))]

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def speech() -> Float32:
    path = Path(__file__).resolve().parents[2] / "demo" / "example.clean.flac"
    return soundfile.read(path, dtype="float32")[0][:SPEECH]


@st.composite
def finite(draw: st.DrawFn) -> Float32:
    """Half a second: silence, noise of any level, or any sound that is a square wave, and single samples."""
    kind = draw(st.sampled_from(["silence", "noise", "square"]))
    loudness = draw(st.floats(0, float(np.finfo(np.float32).max), width=32))
    sound = np.zeros(BEFORE)
    if kind == "noise":
        sound += np.random.default_rng(draw(st.integers(0, 99))).uniform(-1, 1, BEFORE) * loudness
    elif kind == "square":
        sound += np.sign(np.sin(draw(st.floats(0.0, 3.0)) * (np.arange(BEFORE) + 0.5))) * loudness
    for at, value in draw(
        st.dictionaries(
            st.integers(0, BEFORE - 1), st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=5
        )
    ).items():
        sound[at] = value
    return sound.astype(np.float32)


def heard(enhancer: Enhancer, before: Float32, speech: Float32) -> Float32:
    """What comes of the speech."""
    enhancer.reset()
    output = np.concatenate([enhancer.process(np.concatenate([before, speech])), enhancer.flush()])
    assert np.isfinite(output).all()
    return output[enhancer.latency_samples + BEFORE :]


def level_db(samples: Float32) -> float:
    return 10 * float(np.log10(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_after_any_finite_sound_speech_is_as_undisturbed(runtime: str, speech: Float32) -> None:
    enhancer = Enhancer(runtime=runtime)
    undisturbed = level_db(heard(enhancer, np.zeros(BEFORE, np.float32), speech)[RATE:])

    @settings(max_examples=20 if runtime == "native" else 4, deadline=None)
    @given(finite())
    def check(before: Float32) -> None:
        found = heard(enhancer, before, speech)
        assert level_db(found[RATE:]) == pytest.approx(undisturbed, abs=1.0)

    check()


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_samples_beyond_the_limit_are_limited_before_anything_else_and_counted(
    pass_through: Make, rate: int
) -> None:
    wild = np.random.default_rng(0).uniform(-0.5, 0.5, 5_000).astype(np.float32)
    wild[[7, 900, 901, 4_000]] = [SAMPLE_LIMIT, 3e38, -1e6, -9]
    given, limited = wild.copy(), wild.clip(-SAMPLE_LIMIT, SAMPLE_LIMIT)
    one, other = (Enhancer(sample_rate=rate, runtime=pass_through()) for _ in range(2))
    np.testing.assert_array_equal(one.process(wild), other.process(limited))
    np.testing.assert_array_equal(wild, given)  # the caller's own stays as it was
    assert (one.limited_samples, other.limited_samples) == (3, 0)
    one.reset()
    assert one.limited_samples == 0


def test_streams_of_a_pool_limit_and_count_each_their_own(speech: Float32) -> None:
    pool, alone = EnhancerPool(2, runtime="native"), Enhancer(runtime="native")
    wild, tame = pool.join(), pool.join()
    silence = np.zeros(BEFORE, np.float32)
    alone.process(silence)
    assert np.isfinite(pool.process({wild: silence + np.float32(1e30), tame: silence})[wild]).all()
    output = pool.process({wild: speech, tame: speech})
    assert (pool.limited_samples(wild), pool.limited_samples(tame)) == (BEFORE, 0)
    np.testing.assert_array_equal(output[tame], alone.process(speech))
    assert np.isfinite(output[wild]).all()
    assert level_db(output[wild][RATE:]) == pytest.approx(level_db(output[tame][RATE:]), abs=1.0)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_landmarks_spoil_what_follows(runtime: str, speech: Float32) -> None:
    enhancer = Enhancer(runtime=runtime)
    wild = (MOST_PIXELS * np.random.default_rng(0).uniform(-1, 1, (12, 44, 3))).astype(np.float32)
    with_lips = [(0.04 * k, landmarks) for k, landmarks in enumerate(wild)]
    output = np.concatenate([enhancer.process(speech, with_lips), enhancer.process(speech)])
    assert np.isfinite(output).all()
    assert enhancer.mean_alpha <= 1.0
    output = output[-RATE:]
    enhancer.reset()
    enhancer.process(speech)
    np.testing.assert_array_equal(output, enhancer.process(speech)[-RATE:])
