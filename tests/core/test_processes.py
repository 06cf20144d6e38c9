"""Work in worker processes."""

import math
import os
from collections.abc import Iterator

import pytest

from lipstream.core.processes import in_fresh_process, map_in_order


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_arguments(jobs: int):
    assert list(map_in_order(math.pow, ((number, 2) for number in range(7)), jobs)) == [
        number**2 for number in range(7)
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_function_is_the_callers(jobs: int):
    with pytest.raises(ValueError, match=r"nonnegative|domain"):
        list(map_in_order(math.sqrt, [(4,), (-1,), (9,)], jobs))


def test_arguments_are_read_as_they_are_needed():
    read = []

    def arguments() -> Iterator[tuple[int]]:
        for number in range(3):
            read.append(number)
            yield (number,)

    results = map_in_order(abs, arguments(), 1)
    next(results)
    assert read == [0]


def test_a_fresh_process_is_another_one_and_is_told_its_threads():
    assert in_fresh_process(os.getpid) != os.getpid()
    assert in_fresh_process(os.getenv, "OMP_NUM_THREADS", threads=3) == "3"
