"""The simulation agrees with what is known of queues and of lost calls, and the plan with the simulation."""

import math
from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.bench.serve.plan import make_plan, plot_plan, simulate_core, simulate_fleet
from lipstream.cli import main


def test_a_core_with_one_stream_is_late_by_its_service_alone() -> None:
    point = simulate_core(1, step_us=300, chunk_us=700, chunk_ms=20, seconds=4)
    assert point.p50_ms == pytest.approx(1.0, rel=0.1)
    assert point.busy_percent == pytest.approx(100 * 1.0 / 20, rel=0.1)


def test_waiting_grows_beyond_all_bounds_as_a_core_has_no_time_left() -> None:
    calm, full = (simulate_core(count, 100, 900, 20, seconds=4) for count in (5, 30))
    assert calm.p99_ms < 5 < 20 < full.p99_ms
    assert full.busy_percent > 97


def test_batches_share_the_cost_of_a_step() -> None:
    point = simulate_core(20, step_us=900, chunk_us=500, chunk_ms=20, seconds=4)
    assert point.busy_percent < 100 * 20 * 1.4 / 20  # each alone would take more than the core has
    assert point.p99_ms < 40


def test_refusals_are_as_erlang_says() -> None:
    # One machine that never dies within the time looked at: Erlang's B formula for 20 calls on 20 places.
    offered, places = 20.0, 20
    terms = [offered**calls / math.factorial(calls) for calls in range(places + 1)]
    blocked = terms[-1] / sum(terms)
    point = simulate_fleet(1, places, int(offered), seconds=20_000)
    assert point.refused_percent / 100 == pytest.approx(blocked, rel=0.2)


def test_who_loses_a_machine_comes_back_where_there_is_room() -> None:
    roomy, tight = (simulate_fleet(machines, 40, 100, seconds=240) for machines in (4, 3))
    assert 0 < roomy.back_s <= 5.0
    assert roomy.refused_after_percent < tight.refused_after_percent


def test_the_plan_is_enough_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = make_plan(300, step_us=300, chunk_us=1_000, chunk_ms=20, cores=4)
    assert report.enough is not None
    chosen = next(point for point in report.fleet if point.machines == report.enough)
    assert chosen.places - chosen.places // chosen.machines >= 300
    plot_plan(report, tmp_path / "plan.svg")
    assert "<svg" in (tmp_path / "plan.svg").read_text()
    assert f"{report.enough} machines serve 300 streams" in report.text()


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ([], "give --measured FILE"),
        (["--step-us", "1"], "give --measured FILE"),
        (["--measured", "none.json"], "is no JSON of lipstream bench serve"),
        (["--step-us", "1e6", "--chunk-us", "1e3"], "serves no stream in time"),
    ],
)
def test_what_cannot_be_planned_is_told_in_a_line(
    words: list[str], fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "plan", *words]) == 2
    assert fix in capsys.readouterr().err


def test_no_core_serves_what_takes_longer_than_it_lasts() -> None:
    with pytest.raises(InputError, match="serves no stream in time"):
        make_plan(10, step_us=50_000, chunk_us=1_000, chunk_ms=20, cores=1)
