"""Workers that die: no job is lost, one that kills them is given up, and the others are done once."""

import os
import signal
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from lipstream.core.crew import Crew, ProcessCrew, work_through
from lipstream.errors import InputError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")


def make_worker(folder: Path) -> Callable[[str], str]:
    """Does a job by its name: ``kill`` kills the process, ``once`` only the first time."""

    def work(job: str) -> str:
        mark = folder / f"{job}.tried"
        if job.startswith("kill") or (job.startswith("once") and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{job} done"

    return work


def refuse() -> Callable[[str], str]:
    raise InputError("there is no such model")


def die() -> Callable[[str], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return refuse()


def results(jobs: list[str], crew: Crew, most_at_once: int = 1) -> list[str]:
    given_up = "{} given up: {}".format
    with closing(crew):
        return sorted(
            found for found in work_through(jobs, crew, given_up, most_at_once) if found is not None
        )


def test_a_job_that_kills_its_workers_is_given_up_and_no_other_is_lost(tmp_path: Path) -> None:
    jobs = [*(f"job {number}" for number in range(9)), "kill", "once", *(f"more {n}" for n in range(30))]
    found = results(jobs, ProcessCrew(2, partial(make_worker, tmp_path)), most_at_once=4)
    gone = [line for line in found if "given up" in line]
    assert gone == ["kill given up: its worker died, 2 times (SIGKILL)"]
    assert found == sorted([*(f"{job} done" for job in jobs if job != "kill"), *gone])
    assert (tmp_path / "once.tried").exists()


def test_what_keeps_workers_from_being_ready_is_told_as_it_is() -> None:
    with pytest.raises(InputError, match="there is no such model"):
        results(["job"], ProcessCrew(1, refuse))


def test_workers_that_die_as_they_start_end_the_work() -> None:
    with pytest.raises(
        InputError, match=r"die as they start \(SIGKILL\): if memory is short, lower --workers"
    ):
        results(["job"], ProcessCrew(1, die))


def test_without_jobs_no_worker_is_started() -> None:
    assert results([], ProcessCrew(2, die)) == []
