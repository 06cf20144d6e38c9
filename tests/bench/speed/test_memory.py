"""Main memory as the system tells it."""

import mmap
import sys

import pytest

from lipstream.bench.speed.machine import peak_memory_mib, resident_mib


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is resident now")
def test_memory_in_use_shows_and_the_peak_stays():
    before = resident_mib()
    with mmap.mmap(-1, 64 * 2**20) as fresh:  # an array may find room in what the process had before
        fresh[::4096] = bytes(len(fresh) // 4096)
        during = resident_mib()
    after, peak = resident_mib(), peak_memory_mib()
    assert before is not None
    assert during is not None
    assert after is not None
    assert peak is not None
    assert during - before > 50
    assert during > after + 50
    assert peak > after + 50  # not quite `during`: the kernel counts pages in batches
