"""The sample FIFO gives back what went in, in order, whatever the sizes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.buffers import SampleFifo


@settings(deadline=None)
@given(
    capacity=st.integers(1, 50),
    moves=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=40),
)
def test_it_holds_what_was_pushed_less_what_was_dropped(capacity: int, moves: list[tuple[int, int]]) -> None:
    fifo = SampleFifo(capacity)
    held: list[float] = []
    pushed = 0
    for push, drop in moves:
        samples = np.arange(pushed, pushed + push, dtype=np.float32)
        pushed += push
        fifo.push(samples)
        held.extend(samples)
        fifo.drop(min(drop, len(held)))
        held = held[min(drop, len(held)) :]
        assert len(fifo) == len(held)
        np.testing.assert_array_equal(fifo.view(), held)


def test_steady_use_reuses_one_buffer() -> None:
    fifo = SampleFifo(100)
    buffer = fifo.view().base
    for _ in range(100):
        fifo.push(np.ones(33, np.float32))
        fifo.drop(33)
    assert fifo.view().base is buffer


def test_clear_empties_it() -> None:
    fifo = SampleFifo(4)
    fifo.push(np.ones(3, np.float32))
    fifo.clear()
    assert len(fifo) == 0
