"""A day on a GPU loses no part by the failure of another, keeps to its time, and has a twin without one."""

from dataclasses import replace
from pathlib import Path

import pytest

from lipstream.bench.gpu_day import JSON, LIMIT_S, PAGE, GpuDay, Step, gpu_name, run_day, save_day, steps
from lipstream.bench.machine import fingerprint


def test_a_part_that_fails_or_hangs_costs_no_other_its_result(tmp_path: Path) -> None:
    writes = ("timeit", "-n1", "-r1", "open('{json}', 'w').write('[1]')")
    plan = [
        Step("broken", ("no_such_module",), 60),
        Step("hangs", ("timeit", "-n1", "-r1", "import time; time.sleep(600)"), 0.5),
        Step("works", writes, 60),
    ]
    told: list[str] = []
    outcomes = run_day(plan, told.append)
    assert [each.verdict for each in outcomes] == ["failed", "out of time", "ok"]
    assert "No module named" in outcomes[0].printed
    assert [each.results for each in outcomes] == [None, None, [1]]
    assert told[-1] == "3 of 3: works"
    day = GpuDay(fingerprint(), "", outcomes)
    assert not day.ok
    page = save_day(day, tmp_path)
    assert page == tmp_path / PAGE
    assert "No module named" in page.read_text()
    assert '"out of time"' in (tmp_path / JSON).read_text()


def test_what_there_is_no_time_for_is_not_begun() -> None:
    (outcome,) = run_day([Step("late", ("timeit",), 60)], lambda line: None, limit_s=0.0)
    assert outcome.verdict == "not begun"


@pytest.mark.parametrize("on_gpu", [False, True])
def test_the_parts_keep_within_ten_minutes_and_both_have_the_same(on_gpu: bool) -> None:
    plan = steps(on_gpu)
    assert {step.title for step in plan} == {step.title for step in steps(not on_gpu)}
    assert sum(step.limit_s for step in plan) <= LIMIT_S


@pytest.mark.slow
@pytest.mark.skipif(bool(gpu_name()), reason="there is a GPU: lipstream bench gpu-day itself")
def test_its_twin_runs_on_the_cpu() -> None:
    wanted = ("A hop", "Many streams", "Training")  # the others are tests, which run here anyway
    plan = [replace(step, limit_s=600) for step in steps(False) if step.title in wanted]
    outcomes = run_day(plan, lambda line: None, limit_s=1_800)
    assert [each.verdict for each in outcomes] == ["ok"] * 3, [each.printed for each in outcomes]
    assert all(each.results for each in outcomes)
