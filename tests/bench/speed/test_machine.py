"""The fingerprint of the machine: what it tells and what it must not."""

import getpass
import platform
from datetime import datetime

from lipstream.bench.speed.machine import fingerprint


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
