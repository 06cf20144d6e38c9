"""A ring between two threads loses nothing, invents nothing and keeps the order."""

import threading
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.core.buffers import SampleRing

WRITE, READ, DROP = "write", "read", "drop"


@settings(deadline=None)
@given(
    capacity=st.integers(1, 50),
    turns=st.lists(st.tuples(st.sampled_from([WRITE, READ, DROP]), st.integers(0, 60)), max_size=60),
)
def test_it_is_a_bounded_queue(capacity: int, turns: list[tuple[str, int]]) -> None:
    ring, queue, counter = SampleRing(capacity), list[float](), 0
    for what, count in turns:
        if what == WRITE:
            block = np.arange(counter, counter + count, dtype=np.float32)
            written = ring.write(block)
            assert written == min(count, capacity - len(queue))
            queue += block[:written].tolist()
            counter += written
        else:
            expected, queue = queue[:count], queue[count:]
            if what == DROP:
                assert ring.drop(count) == len(expected)
            else:
                out = np.full(count, -1, np.float32)
                assert ring.read_into(out) == len(expected)
                np.testing.assert_array_equal(out, expected + [-1] * (count - len(expected)))
        assert ring.fill == len(queue) == ring.written - ring.read
        assert ring.written == counter


def test_two_threads_hand_over_every_sample_in_order() -> None:
    ring, total = SampleRing(97), 5_000
    numbers = np.arange(total, dtype=np.float32)

    def produce() -> None:
        at = 0
        while at < total:
            at += ring.write(numbers[at : at + 41])
            time.sleep(0)

    producer = threading.Thread(target=produce)
    producer.start()
    block, received = np.empty(64, np.float32), list[Float32]()
    while ring.read < total:
        received.append(block[: ring.read_into(block)].copy())
        time.sleep(0)
    producer.join()
    np.testing.assert_array_equal(np.concatenate(received), numbers)
