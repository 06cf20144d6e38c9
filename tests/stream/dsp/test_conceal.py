"""Missing output: the wave goes on and fades, what comes later fades in, and each gap is counted once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.dsp.conceal import Concealer, falling

FADE = 80


def heard(there: Float32, gaps: list[tuple[int, int]], block: int) -> tuple[Float32, int]:
    """What is heard of a signal of which these spans are missing, in blocks; and the number of gaps."""
    concealer, output = Concealer(FADE), []
    missing = np.zeros(len(there), bool)
    for begin, end in gaps:
        missing[begin:end] = True
    for start in range(0, len(there), block):
        part = there[start : start + block].copy()
        lost = missing[start : start + block]
        count = int(np.argmax(lost)) if lost.any() else len(part)
        concealer.complete(part, count)
        output.append(part)
    return np.concatenate(output), concealer.underruns


def tone(count: int) -> Float32:
    return np.sin(2 * np.pi * 300 / 16_000 * np.arange(count)).astype(np.float32)


def test_sound_without_an_underrun_fades_in_once_and_is_then_untouched() -> None:
    signal = tone(1_600)
    output, gaps = heard(signal, [], 160)
    assert gaps == 0
    assert abs(output[1]) < 0.1 * abs(signal[1])
    np.testing.assert_array_equal(output[FADE:], signal[FADE:])


@pytest.mark.parametrize("block", [16, 160, 400])
@pytest.mark.parametrize("begin", range(800, 860, 7))
def test_an_underrun_makes_no_jump_and_is_counted_once(block: int, begin: int) -> None:
    output, gaps = heard(tone(4_000), [(begin, 2_000)], block)
    assert gaps == 1
    assert np.abs(np.diff(output)).max() < 1.5 * 2 * np.pi * 300 / 16_000
    assert not output[begin + FADE : 2_000].any()
    assert np.abs(output[2_000 + block + FADE :]).max() > 0.99


def tail_after(sound: Float32, fade: int) -> Float32:
    """What is heard in the place of what follows a sound."""
    concealer, tail = Concealer(fade), np.zeros(fade, np.float32)
    concealer.complete(sound.copy(), len(sound))
    concealer.complete(tail, 0)
    return tail


def voiced(pitch_hz: float, rate: int) -> Float32:
    """A vowel of half a second: harmonics up to 3.5 kHz through three formants, its pitch moving a little."""
    times_s = np.arange(rate // 2) / rate
    phase = 2 * np.pi * pitch_hz * (times_s + 0.03 * np.sin(4 * np.pi * times_s) / (4 * np.pi))
    harmonics = np.arange(1, int(3_500 / pitch_hz) + 1)
    formants = np.array([[600.0], [1_300.0], [2_500.0]])
    gains = (1 / (1 + ((harmonics * pitch_hz - formants) / 100) ** 2)).sum(axis=0)
    waves = [gain * np.cos(k * phase + 0.3 * k * k) for k, gain in zip(harmonics, gains, strict=True)]
    return np.asarray(0.1 * np.sum(waves, axis=0), np.float32)


def click_db(output: Float32, at: int, rate: int) -> float:
    """Energy around a place above 4.5 kHz, where the sounds of these tests have none."""
    around = output[at - rate // 100 : at + rate // 100] * np.hanning(2 * (rate // 100))
    power = np.abs(np.fft.rfft(around)) ** 2
    return 10 * np.log10(power[np.fft.rfftfreq(len(around), 1 / rate) > 4_500].sum())


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("kind", ["tone", "vowel"])
def test_the_joint_clicks_far_less_than_a_mirrored_tail_or_a_hard_cut(kind: str, rate: int) -> None:
    fade, clicks = round(0.005 * rate), []
    for hz in (110.0, 170.0, 240.0):
        sound = (
            voiced(hz, rate) if kind == "vowel" else np.sin(2 * np.pi * 7 * hz * np.arange(rate // 2) / rate)
        )
        for phase in range(8):
            at = rate // 5 + round(phase / 8 * rate / hz)
            tails = tail_after(sound[:at], fade), sound[at - fade : at][::-1] * falling(fade), np.zeros(fade)
            clicks.append([click_db(np.r_[sound[:at], tail, np.zeros(rate)], at, rate) for tail in tails])
    ours, mirrored, hard = np.transpose(clicks)
    assert (ours - mirrored).mean() < -40
    assert (ours - mirrored).max() < -12
    assert (ours - hard).max() < -40


@settings(deadline=None, max_examples=40)
@given(
    spans=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 200)), max_size=6), block=st.integers(1, 200)
)
def test_whatever_is_missing_the_level_stays(spans: list[tuple[int, int]], block: int) -> None:
    output, _ = heard(np.ones(1_000, np.float32), [(begin, begin + count) for begin, count in spans], block)
    assert np.isfinite(output).all()
    assert np.abs(output).max() <= 1.5
    assert np.abs(np.diff(output)).max() < 3 * np.pi / (2 * FADE)
