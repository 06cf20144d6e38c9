"""The offset between video frames and sound is found where it is known, and doubted where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.calibration.estimator import Float64, estimate_offset

RATE = 16_000
SECONDS = 36.0


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


def sound_of(strength: Float64, noise: float = 0.002) -> Float32:
    random = np.random.default_rng(1)
    voice = np.repeat(strength, RATE // 100) * random.normal(0, 0.1, len(strength) * RATE // 100)
    return (voice + noise * random.normal(size=len(voice))).astype(np.float32)


def openings_of(strength: Float64, times_s: Float64) -> Float64:
    """The mouth is open as the voice is strong, but for the jitter of landmarks."""
    jitter = np.random.default_rng(2).normal(0, 0.01, len(times_s))
    return np.interp(times_s, np.arange(len(strength)) / 100, 0.3 * strength) + jitter


@settings(max_examples=12, deadline=None)
@given(late_s=st.floats(-0.25, 0.25), fps=st.sampled_from([15.0, 25.0, 30.0]), seed=st.integers(0, 99))
def test_a_known_offset_is_found_within_half_a_video_frame(late_s: float, fps: float, seed: int) -> None:
    strength = syllables(seed)
    jitter_s = np.random.default_rng(seed).uniform(-0.005, 0.005, round(fps * SECONDS))
    times_s = np.arange(len(jitter_s)) / fps + jitter_s
    estimate = estimate_offset(times_s + late_s, openings_of(strength, times_s), sound_of(strength), RATE)
    assert estimate.offset_s == pytest.approx(late_s, abs=0.02)
    assert estimate.trusted, estimate.doubts


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_the_rate_of_the_sound_does_not_matter(rate: int) -> None:
    strength, times_s = syllables(0), np.arange(0, SECONDS, 0.04)
    place = np.arange(round(SECONDS * rate)) * RATE // rate
    estimate = estimate_offset(
        times_s + 0.08, openings_of(strength, times_s), sound_of(strength)[place], rate
    )
    assert estimate.offset_s == pytest.approx(0.08, abs=0.02)
    assert estimate.trusted


def test_seconds_without_a_face_do_not_count() -> None:
    strength, times_s = syllables(0), np.arange(0, SECONDS, 0.04)
    openings = openings_of(strength, times_s)
    openings[(times_s > 10) & (times_s < 14)] = np.nan
    whole = estimate_offset(times_s, openings_of(strength, times_s), sound_of(strength), RATE)
    partly = estimate_offset(times_s, openings, sound_of(strength), RATE)
    assert whole.speech_s - 9 <= partly.speech_s < whole.speech_s
    assert partly.offset_s == pytest.approx(0.0, abs=0.02)


def test_other_speech_than_that_of_the_mouth_is_doubted() -> None:
    times_s = np.arange(0, SECONDS, 0.04)
    estimates = [
        estimate_offset(times_s, openings_of(syllables(k), times_s), sound_of(syllables(k + 50)), RATE)
        for k in range(8)
    ]
    assert sum(estimate.trusted for estimate in estimates) <= 1, "chance alone should hardly ever do"


def test_little_speech_is_doubted_though_it_fits() -> None:
    strength, times_s = syllables(0, 12.0), np.arange(0, 12.0, 0.04)
    estimate = estimate_offset(times_s, openings_of(strength, times_s), sound_of(strength), RATE)
    assert estimate.offset_s == pytest.approx(0.0, abs=0.03)
    assert any("less than 20 s" in doubt for doubt in estimate.doubts)


@pytest.mark.parametrize("case", ["silence", "steady noise", "no face", "no video", "no sound"])
def test_nothing_to_go_by_is_no_estimate(case: str) -> None:
    strength, times_s = syllables(0), np.arange(0, SECONDS, 0.04)
    openings, samples = openings_of(strength, times_s), sound_of(strength)
    if case == "silence":
        samples = np.zeros_like(samples)
    elif case == "steady noise":
        samples = sound_of(np.zeros_like(strength), noise=0.1)
    elif case == "no face":
        openings = np.full_like(openings, np.nan)
    elif case == "no video":
        times_s, openings = np.zeros(0), np.zeros(0)
    else:
        samples = samples[:0]
    estimate = estimate_offset(times_s, openings, samples, RATE)
    assert not estimate.trusted
    assert estimate.speech_s == 0
    assert "no peak" in estimate.doubts[0]
