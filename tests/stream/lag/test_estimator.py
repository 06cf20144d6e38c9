"""The offset between video frames and sound is found where it is known, and doubted where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.lag.estimator import BandLevels, Float64, Seen, estimate_offset

RATE = 16_000
SECONDS = 12.0


def syllables(seed: int, seconds: float = SECONDS) -> Float64:
    """How strongly somebody speaks, 0 to 1, 100 values a second: syllables of all lengths, pauses."""
    random = np.random.default_rng(seed)
    strength = np.zeros(round(100 * seconds))
    at = 0.2
    while at < seconds:
        length_s = random.uniform(0.1, 0.3)
        time_s = (np.arange(len(strength)) / 100 - at) / length_s
        strength = np.maximum(strength, random.uniform(0.3, 1) * np.exp(-4 * time_s**2))
        at += length_s + random.uniform(0.02, 0.15) + (random.random() < 0.15) * random.uniform(0.2, 0.6)
    return strength


def sound_of(strength: Float64, noise: float = 0.002, rate: int = RATE) -> Float32:
    random = np.random.default_rng(1)
    time_s = np.arange(round(len(strength) / 100 * rate)) / rate
    voice = np.interp(time_s, np.arange(len(strength)) / 100, strength) * random.normal(0, 0.1, len(time_s))
    return (voice + noise * random.normal(size=len(voice))).astype(np.float32)


def levels_of(samples: Float32, rate: int = RATE) -> Float32:
    """In all bands together."""
    return BandLevels(rate).push(samples)[:, 4:]


def mouth_of(strength: Float64, times_s: Float64) -> Float64:
    """The mouth is open as the voice is strong, but for the jitter of landmarks: ``[n, 1]``."""
    jitter = np.random.default_rng(2).normal(0, 0.01, len(times_s))
    return (np.interp(times_s, np.arange(len(strength)) / 100, 0.3 * strength) + jitter)[:, None]


@settings(max_examples=12, deadline=None)
@given(
    late_s=st.floats(-0.6, 0.6), fps=st.sampled_from([10.0, 15.0, 25.0, 30.0, 60.0]), seed=st.integers(0, 99)
)
def test_a_known_offset_is_found_within_half_a_video_frame(late_s: float, fps: float, seed: int) -> None:
    strength = syllables(seed)
    jitter_s = np.random.default_rng(seed).uniform(-0.005, 0.005, round(fps * SECONDS))
    times_s = np.arange(len(jitter_s)) / fps + jitter_s
    seen = Seen(times_s + late_s, mouth_of(strength, times_s))
    estimate = estimate_offset(seen, levels_of(sound_of(strength)))
    assert estimate.offset_s == pytest.approx(late_s, abs=0.02)
    assert estimate.trusted, estimate.doubts


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100])
def test_the_rate_of_the_sound_and_the_length_of_its_pieces_do_not_matter(rate: int) -> None:
    strength, times_s, meter = syllables(0), np.arange(0, SECONDS, 0.04), BandLevels(rate)
    samples = sound_of(strength, rate=rate)
    levels = np.concatenate([meter.push(samples[k : k + 777]) for k in range(0, len(samples), 777)])
    np.testing.assert_allclose(levels, BandLevels(rate).push(samples), atol=0.01)
    estimate = estimate_offset(Seen(times_s + 0.08, mouth_of(strength, times_s)), levels[:, 4:])
    assert estimate.offset_s == pytest.approx(0.08, abs=0.02)
    assert estimate.trusted


def test_sound_that_begins_later_has_its_own_first_time() -> None:
    strength, times_s = syllables(0), np.arange(0, SECONDS, 0.04)
    seen = Seen(times_s + 0.2, mouth_of(strength, times_s))
    estimate = estimate_offset(seen, levels_of(sound_of(strength)[RATE:]), first_s=1.0)
    assert estimate.offset_s == pytest.approx(0.2, abs=0.02)
    assert estimate.trusted


def test_seconds_without_a_face_do_not_count() -> None:
    strength, times_s = syllables(0), np.arange(0, SECONDS, 0.04)
    mouth = mouth_of(strength, times_s)
    whole = estimate_offset(Seen(times_s, mouth), levels_of(sound_of(strength)))
    mouth[(times_s > 4) & (times_s < 7)] = np.nan
    partly = estimate_offset(Seen(times_s, mouth), levels_of(sound_of(strength)))
    assert partly.seen_s == pytest.approx(whole.seen_s - 3, abs=0.3)
    assert partly.offset_s == pytest.approx(0.0, abs=0.02)


def test_other_speech_than_that_of_the_mouth_is_doubted() -> None:
    times_s = np.arange(0, SECONDS, 0.04)
    estimates = [
        estimate_offset(
            Seen(times_s, mouth_of(syllables(k), times_s)), levels_of(sound_of(syllables(k + 50)))
        )
        for k in range(12)
    ]
    assert sum(estimate.trusted for estimate in estimates) <= 1, "chance alone should hardly ever do"


def test_little_speech_is_doubted_though_it_fits() -> None:
    strength, times_s = syllables(0, 4.0), np.arange(0, 4.0, 0.04)
    estimate = estimate_offset(Seen(times_s, mouth_of(strength, times_s)), levels_of(sound_of(strength)))
    assert estimate.offset_s == pytest.approx(0.0, abs=0.03)
    assert any("are less than" in doubt for doubt in estimate.doubts)


@pytest.mark.parametrize(
    "case", ["silence", "steady noise", "still face", "no face", "no video", "no sound", "long after it"]
)
def test_nothing_to_go_by_is_no_estimate(case: str) -> None:
    strength, times_s = syllables(0), np.arange(0, SECONDS, 0.04)
    mouth, samples = mouth_of(strength, times_s), sound_of(strength)
    if case == "silence":
        samples = np.zeros_like(samples)
    elif case == "steady noise":
        samples = sound_of(np.zeros_like(strength), noise=0.1)
    elif case == "still face":
        mouth = np.full_like(mouth, 0.2)
    elif case == "no face":
        mouth = np.full_like(mouth, np.nan)
    elif case == "no video":
        times_s, mouth = np.zeros(0), np.zeros((0, 1))
    elif case == "no sound":
        samples = samples[:0]
    else:
        times_s = times_s + 100
    assert not estimate_offset(Seen(times_s, mouth), levels_of(samples)).trusted
