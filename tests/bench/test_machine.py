"""The fingerprint of the machine, what it tells and what it must not; memory as the system tells it."""

import getpass
import mmap
import platform
import sys
from datetime import datetime

import pytest

from lipstream.bench.machine import fingerprint, peak_memory_mib, resident_mib


def test_the_fingerprint_tells_what_timings_depend_on():
    machine = fingerprint()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.python == platform.python_version()
    assert {"numpy", "onnxruntime"} <= set(machine.packages)
    assert datetime.fromisoformat(machine.date).tzinfo is not None
    assert machine.cpu in machine.describe()


def test_the_fingerprint_names_no_host_and_no_person():
    words = repr(fingerprint()).lower().replace(",", " ").replace("'", " ").split()
    assert platform.node().lower() not in words
    assert getpass.getuser().lower() not in words


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
