"""Files of results: written, read, merged."""

import csv
import json
import math
from pathlib import Path

import pytest

from lipstream.bench.evaluation.results import (
    VERSION,
    AlphaTrace,
    Example,
    Record,
    Results,
    load_results,
    merge_results,
    save_results,
    save_scores_csv,
)
from lipstream.bench.speed.cost import Cost
from lipstream.errors import InputError


def record(name: str = "a", snr_db: float = 5.0, dataset: str = "audio", **scores: float) -> Record:
    return Record(
        name, "noise", snr_db, {s: {"pesq_wb": value} for s, value in scores.items()}, dataset=dataset
    )


def results(*items: Record, **more: object) -> Results:
    return Results({"cpu": "some"}, {"sets": ["audio"]}, list(items), **more)  # type: ignore[arg-type]


def test_what_was_saved_is_loaded(tmp_path: Path):
    saved = results(
        record(noisy=1.25, lite=1.5),
        alpha=[AlphaTrace("audio", "a", "lite + video", 0.02, [0.5, 1.0])],
        examples=[Example("audio", "a", {"clean": "examples/a.flac"})],
        costs=[Cost("lite", 25.0, 0.1, peak_memory_mib=80.0)],
        notes=["one is not used"],
    )
    save_results(tmp_path / "r.json", saved)
    loaded = load_results(tmp_path / "r.json")
    assert (loaded.items, loaded.alpha, loaded.settings) == (saved.items, saved.alpha, saved.settings)
    assert (loaded.costs, loaded.notes) == (saved.costs, saved.notes)
    assert json.loads((tmp_path / "r.json").read_text())["version"] == VERSION
    assert loaded.examples[0].files == {"clean": str(tmp_path / "examples" / "a.flac")}


def test_undefined_scores_and_absent_noise_survive_json(tmp_path: Path):
    clean = Record("c", "clean", math.inf, {"noisy": {"pesq_wb": math.nan}})
    save_results(tmp_path / "r.json", results(clean, Record("x", "files", math.nan, {})))
    first, second = load_results(tmp_path / "r.json").items
    assert first.snr_db == math.inf
    assert math.isnan(first.scores["noisy"]["pesq_wb"])
    assert math.isnan(second.snr_db)


def test_files_of_version_1_are_loaded_with_what_they_called_complexity(tmp_path: Path):
    scores = {"noisy": {"pesq_wb": 1.2}, "enhanced": {"pesq_wb": 1.4}}
    item = {"id": "n1", "condition": "noise", "snr_db": 5.0, "kind": "", "scores": scores}
    variant = {"model": "lite", "runtime": "onnx", "parameters": None, "macs_per_second": 2.5e8}
    variant |= {"visual_macs_per_second": None, "latency_ms": 25.0, "rtf": 0.1, "state_bytes": 578}
    content = {"machine": {}, "settings": {}, "set": "audio", "items": [item], "alpha": [], "examples": []}
    content["complexity"] = [{**variant, "peak_memory_mib": 80.0}]
    (tmp_path / "q.json").write_text(json.dumps(content))
    loaded = load_results(tmp_path / "q.json")
    assert (loaded.items[0].dataset, loaded.signals) == ("audio", ["noisy", "enhanced"])
    (cost,) = loaded.costs
    assert (cost.name, cost.latency_ms, cost.peak_memory_mib) == ("lite onnx", 25.0, 80.0)


def test_files_of_a_later_version_are_refused(tmp_path: Path):
    (tmp_path / "r.json").write_text(json.dumps({"version": VERSION + 1, "items": []}))
    with pytest.raises(InputError, match="use a newer lipstream"):
        load_results(tmp_path / "r.json")


@pytest.mark.parametrize("content", ["", "[]", '{"items": 3}', '{"items": [{"id": "a"}]}'])
def test_a_file_without_results_is_refused(tmp_path: Path, content: str):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match="holds no results"):
        load_results(tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot read"):
        load_results(tmp_path / "missing.json")


def test_merged_results_have_the_signals_of_all_files():
    ours, peers = (
        results(record(noisy=1.0, lite=2.0), costs=[Cost("lite", rtf=0.1)], notes=["one", "two"]),
        results(record(noisy=1.0, DFN3=3.0), record("b", noisy=1.0), notes=["two", "three"]),
    )
    merged = merge_results({"ours": ours, "peers": peers})
    assert (merged.costs, merged.notes) == ([Cost("lite", rtf=0.1)], ["one", "two", "three"])
    assert merged.signals == ["noisy", "lite", "DFN3"]
    assert [item.id for item in merged.items] == ["a", "b"]
    assert merged.items[0].scores["DFN3"] == {"pesq_wb": 3.0}


def test_signals_of_one_name_are_told_apart_by_their_file():
    old, new = results(record(noisy=1.0, lite=2.0)), results(record(noisy=1.0, lite=3.0))
    merged = merge_results({"old": old, "new": new})
    assert merged.signals == ["noisy", "lite", "new: lite"]
    assert merged.items[0].scores["new: lite"] == {"pesq_wb": 3.0}


def test_results_of_other_recordings_under_the_same_name_are_not_merged():
    with pytest.raises(InputError, match="'a' differs"):
        merge_results({"x": results(record(noisy=1.0)), "y": results(record(snr_db=0.0, noisy=1.0))})


def test_the_table_has_a_row_for_each_signal_and_no_text_for_undefined_scores(tmp_path: Path):
    save_scores_csv(tmp_path / "s.csv", results(record(noisy=1.25, lite=math.nan)))
    rows = list(csv.DictReader((tmp_path / "s.csv").open()))
    assert [(row["signal"], row["pesq_wb"]) for row in rows] == [("noisy", "1.25"), ("lite", "")]
    assert rows[0]["snr_db"] == "5.0"
