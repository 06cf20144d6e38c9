"""``lipstream evaluate``: from arguments to the files a user gets, and the errors a user sees."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.bench.commands.evaluate import VIDEOS, add_parsers
from lipstream.bench.evaluation import run as evaluate_module
from lipstream.bench.metrics import scoring
from lipstream.bench.speed import cost as variants
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]
HEAVY = ("numpy", "torch", "onnxruntime", "matplotlib", "scipy", "pesq", "rich", "soundfile")


def run(*argv: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    args = parser.parse_args(["evaluate", *map(str, argv)])
    return int(args.run(args))


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


def evaluate(folders: Path, out: str, *more: str | Path) -> int:
    pair = ("--clean", folders / "clean", "--noisy", folders / "noisy", "--enhanced", folders / "better")
    quick = ("--metrics", "si-sdr", "level", "--examples", "0")
    return run(*pair, *quick, "--out-dir", folders / out, *more)


def test_registering_the_commands_loads_nothing_heavy():
    code = "import lipstream.bench.commands.evaluate, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(shown.stdout.split())


def test_the_videos_of_the_command_are_those_of_the_library():
    from lipstream.bench.systems import ours as systems

    assert systems.VIDEOS == VIDEOS


def test_three_folders_make_results_tables_and_a_page(folders: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate(folders, "out") == 0
    assert "SI-SDR" in capsys.readouterr().out
    names = {path.name for path in (folders / "out").iterdir()}
    assert names == {"results.json", "scores.csv", "by_snr.csv", "report.html"}
    content = json.loads((folders / "out" / "results.json").read_text())
    assert content["settings"]["metrics"] == ["si-sdr", "level"]
    assert set(content["items"][0]["scores"]) == {"noisy", "enhanced"}


def test_results_can_be_compared_and_shown_again(folders: Path, capsys: pytest.CaptureFixture[str]):
    evaluate(folders, "out", "--examples", "1")
    results = folders / "out" / "results.json"
    comparison = folders / "compared.json"
    assert run("compare", results, results, "--signal-a", "noisy", "--json", comparison) == 0
    assert "Wilcoxon" in capsys.readouterr().out
    rows = {row["metric"]: row for row in json.loads(comparison.read_text())["comparisons"]}
    assert rows["si_sdr_db"]["difference"] == pytest.approx(20 * np.log10(4), abs=0.2)
    page = folders / "again.html"
    assert run("report", results, "-o", page) == 0
    assert "<audio" in page.read_text()
    with pytest.raises(InputError, match="--force"):
        run("report", results, "-o", page)
    assert run("report", results, "-o", page, "--force") == 0


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    score_all = scoring.score_all
    calls: list[int] = []

    def interrupted(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return score_all(*given)

    monkeypatch.setattr(evaluate_module, "score_all", interrupted)
    assert evaluate(folders, "out") == 130
    assert "goes on" in capsys.readouterr().err
    assert evaluate(folders, "out") == 0
    assert len(calls) == 5  # one recording of two signals, one interrupted, and that one again


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--noisy", "x"], "--clean"),
        (["--metrics", "sdr"], "unknown metric"),
        (["--clean", "missing"], "no folder"),
        (["--manifest", "missing.csv"], "cannot read the list"),
        (["--system", "no/such"], "no test set 'audio'"),
        (["--jobs", "0"], "at least 1"),
        (["compare", "missing.json", "missing.json"], "cannot read"),
        (["report", "missing.json", "-o", "no/where.html"], "does not exist"),
        (["complexity", "--json", "no/where.json"], "does not exist"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(
    argv: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIPSTREAM_DATA", str(tmp_path))
    with pytest.raises(InputError, match=message):
        run(*argv)
    assert not list(tmp_path.iterdir())


def test_complexity_is_printed_with_the_machine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    row = variants.Variant("lite", "onnx", 479_000, 2.5e8, 8.6e7, 25.0, 0.1, 578_000, 80.0)
    monkeypatch.setattr(variants, "measure_variants", lambda forms, hops: [row])
    file = tmp_path / "c.json"
    assert run("complexity", "--runtime", "onnx", "--hops", "3", "--json", file) == 0
    assert "479 k" in capsys.readouterr().out
    assert json.loads(file.read_text())["complexity"][0]["runtime"] == "onnx"
