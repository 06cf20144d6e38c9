"""Memory that a process keeps comes back without page faults."""

import platform
import subprocess
import sys

import pytest

#: Page faults of five strings of 40 MB (about 10,000 pages each), one after the other, after a first.
_COUNT = """
import resource
from lipstream.train.run.learner import keep_freed_memory
if {keep}:
    keep_freed_memory()
counts = []
for turn in range(6):
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    assert len(b"x" * 40_000_000) == 40_000_000
counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(counts[-1] - counts[1])
"""


def page_faults(keep: bool) -> int:
    command = [sys.executable, "-c", _COUNT.format(keep=keep)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_kept_memory_is_taken_again_without_page_faults() -> None:
    assert 100 * page_faults(keep=True) < page_faults(keep=False)
