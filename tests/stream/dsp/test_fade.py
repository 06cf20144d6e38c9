"""Fades: the same gains for any blocks, from where the last left off."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.stream.dsp.conceal import Fader, falling


def test_falling_starts_at_one_and_falls_towards_zero() -> None:
    gains = falling(100)
    assert gains[0] == 1
    assert 0 < gains[-1] < 1e-3
    assert (np.diff(gains) < 0).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=20), st.integers(1, 40))
def test_the_gain_never_jumps(turns: list[tuple[int, bool]], length: int) -> None:
    fader = Fader(length)
    gains = [np.ones(1, np.float32)]
    for count, up in turns:
        gains.append(np.ones(count, np.float32))
        fader.apply(gains[-1], up)
    path = np.concatenate(gains)
    assert ((path >= 0) & (path <= 1)).all()
    assert np.abs(np.diff(path)).max(initial=0) <= np.pi / (2 * length) + 1e-6


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 1))
def test_it_gets_there_in_its_length_and_stays(length: int, level: int) -> None:
    fader = Fader(length, level)
    assert fader.silent == (level == 0)
    block = np.ones(length + 5, np.float32)
    fader.apply(block, up=level == 0)
    assert (block[length - 1 :] == 1 - level).all()
    assert fader.silent == (level == 1)


def test_a_cut_is_silence_at_once() -> None:
    fader = Fader(10)
    fader.cut()
    block = np.ones(5, np.float32)
    fader.apply(block, up=False)
    assert fader.silent
    assert not block.any()
