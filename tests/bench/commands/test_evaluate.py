"""``lipstream evaluate``: from arguments to the files a user gets, and the errors a user sees."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.bench.commands.evaluate import SETS, VIDEOS
from lipstream.bench.evaluation import run as module
from lipstream.bench.metrics import score
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]
Run = Callable[..., int]


@pytest.fixture
def folders(tmp_path: Path, speech_like: MakeSpeech) -> Path:
    """Folders clean, noisy and better of two recordings each."""
    for seed, name in enumerate(("a", "b")):
        clean = speech_like(1.2)
        noise = np.random.default_rng(seed).standard_normal(clean.size) / 50
        for folder, wave in (("clean", clean), ("noisy", clean + noise), ("better", clean + noise / 4)):
            (tmp_path / folder).mkdir(exist_ok=True)
            soundfile.write(tmp_path / folder / f"{name}.wav", wave, 16000)
    return tmp_path


@pytest.fixture
def evaluate(folders: Path, run_evaluate: Run) -> Run:
    """Evaluates the three folders into a folder beside them."""
    pair = ("--clean", folders / "clean", "--noisy", folders / "noisy", "--enhanced", folders / "better")
    quick = ("--metrics", "si-sdr", "level", "--examples", "0")
    return lambda out, *more: run_evaluate(*pair, *quick, "--out-dir", folders / out, *more)


def test_the_videos_of_the_command_are_those_of_the_library():
    from lipstream.bench.data import builtin, conditions, noise_alone
    from lipstream.bench.systems import ours

    assert ours.VIDEOS == VIDEOS
    assert (*builtin.SETS, conditions.FidelitySet.name, noise_alone.NoiseAloneSet.name) == SETS


def test_three_folders_make_results_tables_and_a_page(
    folders: Path, evaluate: Run, capsys: pytest.CaptureFixture[str]
):
    assert evaluate("out") == 0
    assert "SI-SDR" in capsys.readouterr().out
    names = {path.name for path in (folders / "out").iterdir()}
    assert names == {"results.json", "scores.csv", "by_snr.csv", "report.html"}
    content = json.loads((folders / "out" / "results.json").read_text())
    assert content["settings"]["metrics"] == ["si-sdr", "level"]
    assert set(content["items"][0]["scores"]) == {"noisy", "enhanced"}


def test_a_quick_look_takes_some_of_the_recordings_and_says_so(
    folders: Path, evaluate: Run, capsys: pytest.CaptureFixture[str]
):
    assert evaluate("out", "--limit", "1") == 0
    assert "1 of 2 recordings, spread evenly" in capsys.readouterr().err
    content = json.loads((folders / "out" / "results.json").read_text())
    assert [item["id"] for item in content["items"]] == ["a"]
    assert evaluate("whole", "--limit", "2") == 0
    assert "spread evenly" not in capsys.readouterr().err
    with pytest.raises(InputError, match="--limit must be at least 1"):
        evaluate("none", "--limit", "0")


def test_results_can_be_compared_and_shown_again(
    folders: Path, evaluate: Run, run_evaluate: Run, capsys: pytest.CaptureFixture[str]
):
    evaluate("out", "--examples", "1")
    results = folders / "out" / "results.json"
    comparison = folders / "compared.json"
    assert run_evaluate("compare", results, results, "--signal-a", "noisy", "--json", comparison) == 0
    assert "Wilcoxon" in capsys.readouterr().out
    rows = {row["metric"]: row for row in json.loads(comparison.read_text())["comparisons"]}
    assert rows["si_sdr_db"]["difference"] == pytest.approx(20 * np.log10(4), abs=0.2)
    page = folders / "again.html"
    assert run_evaluate("report", results, "-o", page) == 0
    assert "<audio" in page.read_text()
    with pytest.raises(InputError, match="--force"):
        run_evaluate("report", results, "-o", page)
    assert run_evaluate("report", results, "-o", page, "--force") == 0


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(
    evaluate: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    calls: list[int] = []

    def interrupted(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return score(*given)

    monkeypatch.setattr(module, "score", interrupted)
    assert evaluate("out") == 130
    assert "goes on" in capsys.readouterr().err
    assert evaluate("out") == 0
    assert len(calls) == 5  # one recording of two signals, one interrupted, and that one again


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--noisy", "x"], "--clean"),
        (["--metrics", "sdr"], "unknown metric"),
        (["--clean", "missing"], "no folder"),
        (["--manifest", "missing.csv"], "cannot read the list"),
        (["--system", "no/such"], "no test set 'audio'"),
        (["compare", "missing.json", "missing.json"], "cannot read"),
        (["report", "missing.json", "-o", "no/where.html"], "does not exist"),
        (["complexity", "--json", "no/where.json"], "does not exist"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(
    run_evaluate: Run, argv: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIPSTREAM_DATA", str(tmp_path))
    with pytest.raises(InputError, match=message):
        run_evaluate(*argv)
    assert not list(tmp_path.iterdir())


def test_all_signals_of_one_file_are_compared_in_pairs(
    folders: Path, evaluate: Run, run_evaluate: Run, capsys: pytest.CaptureFixture[str]
):
    evaluate("out", "--system", f"same={folders / 'better'}")
    capsys.readouterr()
    file = folders / "pairs.json"
    assert run_evaluate("compare", folders / "out" / "results.json", "--json", file) == 0
    assert capsys.readouterr().out.count("Wilcoxon") == 3
    pairs = json.loads(file.read_text())["pairs"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [
        ("noisy", "same"),
        ("noisy", "enhanced"),
        ("same", "enhanced"),
    ]


def test_a_mixed_list_loses_no_row(folders: Path, run_evaluate: Run, capsys: pytest.CaptureFixture[str]):
    rows = ["noisy/a.wav,clean/a.wav,5", "noisy/b.wav,clean/b.wav,"]
    (folders / "list.csv").write_text("\n".join(["noisy,clean,snr", *rows]))
    given = ("--manifest", folders / "list.csv", "--enhanced", folders / "better")
    run_evaluate(*given, "--metrics", "si-sdr", "--examples", "0", "--out-dir", folders / "out")
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("list files")]
    assert row.split()[:4] == ["list", "files", "noisy", "2"]
    by_snr = (folders / "out" / "by_snr.csv").read_text().splitlines()[1:]
    assert [line.split(",")[2] for line in by_snr] == ["5.0", "5.0", "nan", "nan"]


def test_the_set_fidelity_is_scored_by_what_is_left_of_speech(
    data: Path, tmp_path: Path, run_evaluate: Run, capsys: pytest.CaptureFixture[str]
):
    given = ("--set", "fidelity", "--data", data, "--system", "lite:onnx", "--examples", "0")
    assert run_evaluate(*given, "--out-dir", tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert "over-suppressed" in told
    assert "whispered, -40 dBFS" in told
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["settings"]["metrics"] == ["pesq", "stoi", "level", "over-suppression"]
