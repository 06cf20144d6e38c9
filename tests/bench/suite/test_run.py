"""A run of the suite: what can be measured is, what cannot is told."""

from functools import partial
from typing import Any

import pytest

from lipstream.bench.suite import run
from lipstream.bench.suite.run import run_suite
from lipstream.errors import InputError
from lipstream.kernels.build import BuildError

from .conftest import Readings


def test_what_fails_is_a_part_with_its_reason_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch):
    def fails(error: Exception) -> Any:
        raise error

    plan = [
        ("no weights", partial(fails, InputError("none ship:\ntrain"))),
        ("no package", partial(fails, ImportError("no torch"))),
        ("no compiler", partial(fails, BuildError("no g++"))),
        ("numbers", lambda: Readings({"a": 1.0, "b": 2.0})),
    ]
    monkeypatch.setattr(run, "_plan", lambda quick, cores: iter(plan))
    told: list[tuple[str, int, int]] = []
    report = run_suite(quick=True, tell=lambda *what: told.append(what))
    assert [part.missing for part in report.parts] == ["none ship: train", "no torch", "no g++", ""]
    assert [measurement.name for measurement in report.measurements] == ["a", "b"]
    assert told[3] == ("numbers", 4, 4)
    assert "no weights: not measured: none ship: train" in report.text()


def test_a_mistake_in_the_bench_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "_plan", lambda quick, cores: iter([("broken", lambda: 1 / 0)]))
    with pytest.raises(ZeroDivisionError):
        run_suite(quick=True)


def test_the_quick_plan_is_part_of_the_long_one():
    quick, whole = ([title for title, _ in run._plan(short, cores=2)] for short in (True, False))
    assert set(quick) < set(whole)
    assert {"Hops", "Layers", "Stream and offline form", "Many streams", "Live pipeline", "CUDA"} <= set(
        quick
    )
