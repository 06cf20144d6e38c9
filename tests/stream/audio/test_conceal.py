"""Missing output: the wave goes on and fades, what comes later fades in, and each gap is counted once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.stream.audio.conceal import Concealer
from lipstream.stream.audio.endpoints import Float32

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
    return np.concatenate(output), concealer.gaps


def tone(count: int) -> Float32:
    return np.sin(2 * np.pi * 300 / 16_000 * np.arange(count)).astype(np.float32)


def test_sound_without_a_gap_fades_in_once_and_is_then_untouched() -> None:
    signal = tone(1_600)
    output, gaps = heard(signal, [], 160)
    assert gaps == 0
    assert abs(output[1]) < 0.1 * abs(signal[1])
    np.testing.assert_array_equal(output[FADE:], signal[FADE:])


@pytest.mark.parametrize("block", [16, 160, 400])
@pytest.mark.parametrize("begin", range(800, 860, 7))
def test_a_gap_makes_no_jump_and_is_counted_once(block: int, begin: int) -> None:
    output, gaps = heard(tone(4_000), [(begin, 2_000)], block)
    assert gaps == 1
    assert np.abs(np.diff(output)).max() < 1.5 * 2 * np.pi * 300 / 16_000
    assert not output[begin + FADE : 2_000].any()
    assert np.abs(output[2_000 + block + FADE :]).max() > 0.99


@settings(deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 200)), max_size=6), block=st.integers(1, 200)
)
def test_whatever_is_missing_the_level_stays(spans: list[tuple[int, int]], block: int) -> None:
    output, _ = heard(np.ones(1_000, np.float32), [(begin, begin + count) for begin, count in spans], block)
    assert np.isfinite(output).all()
    assert np.abs(output).max() <= 1.5
    assert np.abs(np.diff(output)).max() < 3 * np.pi / (2 * FADE)
