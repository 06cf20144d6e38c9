"""Evaluating systems: what is written, and how an interrupted run goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipstream.bench.data.recordings import Item
from lipstream.bench.evaluation.config import EvaluateConfig
from lipstream.bench.evaluation.results import AlphaTrace, Example, Record, load_results
from lipstream.bench.evaluation.run import (
    EXAMPLES,
    RESULTS,
    SCORES,
    UNFINISHED,
    Journal,
    Outcome,
    evaluate_systems,
)
from lipstream.bench.speed.cost import Cost
from lipstream.bench.systems.base import Output, System
from lipstream.bench.systems.peers.process import PeerError
from lipstream.errors import InputError

CONFIG = EvaluateConfig(("si-sdr",), examples=1)
SETTINGS = {"sets": ["audio"], "systems": ["half"]}


class Memory:
    """Recordings in memory."""

    videos: list[tuple[str, Path]] = []  # noqa: RUF012
    notes = ("one is not used",)

    def __init__(self, names: list[str], noisy: bool = True) -> None:
        self.name = "audio"
        self.ids = names
        self.noisy = noisy

    def __iter__(self) -> Iterator[Item]:
        for seed, name in enumerate(self.ids):
            clean, noise = np.random.default_rng(seed).standard_normal((2, 4000)).astype(np.float32) / 10
            yield Item(name, "noise", 0.0, clean + noise if self.noisy else clean[:0], clean, speaker="anna")


class Half(System):
    """A system that halves the noise, with some confidence."""

    def __init__(self, fail_at: str = "", name: str = "half") -> None:
        self.name = name
        self.heard: list[str] = []
        self.fail_at = fail_at

    def outputs(self, item: Item) -> dict[str, Output]:
        if item.id == self.fail_at:
            raise KeyboardInterrupt
        self.heard.append(item.id)
        noisy = item.noisy if item.noisy.size else item.clean
        return {self.name: Output(np.float32(0.5) * (noisy + item.clean), [0.25])}


def evaluate(folder: Path, system: Any = None, names: str = "abc", **options: Any) -> Any:
    return evaluate_systems([Memory(list(names))], [system or Half()], SETTINGS, CONFIG, folder, **options)


def test_every_recording_is_scored_and_written(tmp_path: Path):
    results = evaluate(tmp_path / "run")
    assert [item.id for item in results.items] == ["a", "b", "c"]
    scores = results.items[0].scores
    assert scores["half"]["si_sdr_db"] > scores["noisy"]["si_sdr_db"] + 5
    assert results.items[0].speaker == "anna"
    assert [trace.values for trace in results.alpha] == [[0.25]] * 3
    assert {path.name for path in (tmp_path / "run").iterdir()} == {RESULTS, SCORES, EXAMPLES}
    assert load_results(tmp_path / "run" / RESULTS).items == results.items


def test_examples_hold_every_signal_and_the_clean_one(tmp_path: Path):
    results = evaluate(tmp_path)
    (example,) = results.examples
    assert list(example.files) == ["noisy", "half", "clean"]
    assert all((tmp_path / file).is_file() for file in example.files.values())


def test_worker_processes_give_the_same_scores(tmp_path: Path):
    here = evaluate(tmp_path / "1")
    config = EvaluateConfig(("si-sdr",), jobs=2)
    there = evaluate_systems([Memory(["a", "b", "c"])], [Half()], SETTINGS, config, tmp_path / "2")
    assert [item.id for item in there.items] == ["a", "b", "c"]
    assert there.items[2].scores["half"] == pytest.approx(here.items[2].scores["half"])


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, Half(fail_at="c"))
    assert not (tmp_path / RESULTS).exists()
    system = Half()
    remaining: list[int] = []

    def track(outcomes: Any, total: int) -> Any:
        remaining.append(total)
        return outcomes

    results = evaluate(tmp_path, system, track=track)
    assert (system.heard, remaining) == (["c"], [1])
    assert [item.id for item in results.items] == ["a", "b", "c"]
    assert results.items == evaluate(tmp_path / "uninterrupted").items


def test_without_a_folder_nothing_is_written_and_noisy_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    config = EvaluateConfig(("si-sdr",), noisy=False)
    results = evaluate_systems([Memory(["a", "b"])], [Half()], SETTINGS, config)
    assert (results.signals, results.examples) == (["half"], [])
    assert not list(tmp_path.iterdir())


def test_recordings_are_read_one_at_a_time():
    events: list[str] = []

    class Told(Memory):
        def __iter__(self) -> Iterator[Item]:
            for item in super().__iter__():
                events.append(f"read {item.id}")
                yield item

    system = Half()
    system.heard = events
    evaluate_systems([Told(["a", "b"])], [system], SETTINGS, CONFIG)
    assert events == ["read a", "a", "read b", "b"]


def test_an_output_of_another_length_is_refused():
    class Short(Half):
        def outputs(self, item: Item) -> dict[str, Output]:
            return {"half": Output(item.noisy[:-1])}

    with pytest.raises(InputError, match="align"):
        evaluate_systems([Memory(["a"])], [Short()], SETTINGS, CONFIG)


class Breaking(Half):
    """Fails at its second recording."""

    closed = False

    def outputs(self, item: Item) -> dict[str, Output]:
        if self.heard:
            raise PeerError("out of memory")
        return super().outputs(item)

    def close(self) -> None:
        self.closed = True


def test_a_system_that_breaks_down_is_left_out_and_told_after_a_resume_as_well(tmp_path: Path):
    broken = Breaking(name="broken")
    with pytest.raises(KeyboardInterrupt):
        evaluate_systems([Memory(["a", "b", "c"])], [broken, Half(fail_at="c")], SETTINGS, CONFIG, tmp_path)
    assert broken.closed
    systems = [Half(name="broken"), Half()]
    results = evaluate_systems([Memory(["a", "b", "c"])], systems, SETTINGS, CONFIG, tmp_path)
    assert results.signals == ["noisy", "half"]
    assert list(results.notes) == ["one is not used", "broken: failed: out of memory"]
    assert load_results(tmp_path / RESULTS).notes == results.notes


def test_a_cost_that_cannot_be_measured_does_not_lose_the_scores():
    class Costly(Half):
        def cost(self) -> Cost:
            raise InputError("no weights")

    class Cheap(Half):
        def cost(self) -> Cost:
            return Cost(self.name, rtf=0.5)

    results = evaluate_systems([Memory(["a"])], [Costly(), Cheap(name="cheap")], SETTINGS, CONFIG)
    assert [cost.rtf for cost in results.costs] == [0.5]
    assert "half: cost not measured: no weights" in results.notes


def test_results_are_never_overwritten(tmp_path: Path):
    evaluate(tmp_path)
    with pytest.raises(InputError, match="is in use"):
        evaluate(tmp_path)


def test_a_run_of_other_settings_is_not_gone_on_with(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, Half(fail_at="b"))
    with pytest.raises(InputError, match="other settings"):
        evaluate_systems([Memory(["a"])], [Half()], {"sets": ["other"]}, CONFIG, tmp_path)


def test_systems_of_one_name_are_refused_before_anything_is_made(tmp_path: Path):
    with pytest.raises(InputError, match="name of its own"):
        evaluate_systems([Memory(["a"])], [Half(), Half()], SETTINGS, CONFIG, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_enhanced_files_without_noisy_ones_are_scored_alone(tmp_path: Path):
    results = evaluate_systems([Memory(["a"], noisy=False)], [Half()], SETTINGS, CONFIG, tmp_path)
    assert results.signals == ["half"]


@pytest.mark.parametrize("options", [{"jobs": 0}, {"examples": -1}])
def test_numbers_out_of_range_are_refused(options: dict[str, int]):
    with pytest.raises(InputError, match="at least"):
        EvaluateConfig(("pesq",), **options)  # type: ignore[arg-type]


@pytest.fixture
def outcome() -> Outcome:
    return Outcome(
        Record("a", "noise", 5.0, {"noisy": {"estoi": 0.5}}, speaker="anna"),
        [AlphaTrace("av", "a", "lite + video", 0.02, [0.5])],
        Example("av", "a", {"clean": "x.flac"}),
        {"peer": "it died"},
    )


def test_a_journal_gives_back_what_was_added(tmp_path: Path, outcome: Outcome):
    Journal(tmp_path, SETTINGS).add(outcome)
    assert Journal(tmp_path, SETTINGS).outcomes == [outcome]


def test_a_line_that_was_cut_off_is_dropped_for_good(tmp_path: Path, outcome: Outcome):
    Journal(tmp_path, SETTINGS).add(outcome)
    with (tmp_path / UNFINISHED).open("a") as log:
        log.write('{"record": {"id"')
    Journal(tmp_path, SETTINGS).add(outcome)
    assert len(Journal(tmp_path, SETTINGS).outcomes) == 2
    assert all(json.loads(line) for line in (tmp_path / UNFINISHED).read_text().splitlines())


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be the folder"):
        Journal(tmp_path / "file", SETTINGS)
