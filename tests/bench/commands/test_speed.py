"""``lipstream bench``: its arguments, its output, its files, and the errors a user sees."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.bench.commands.quality import add_parsers
from lipstream.bench.speed import latency as speed
from lipstream.bench.speed import offline
from lipstream.bench.systems import chunks as evaluation
from lipstream.errors import InputError
from lipstream.stream import files
from lipstream.stream.enhancer import Enhancer

HEAVY = ("numpy", "torch", "onnxruntime", "pesq", "pystoi", "rich", "soundfile")


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    args = parser.parse_args(["bench", *argv])
    return int(args.run(args))


@pytest.fixture
def data(tmp_path: Path, speech_like: Callable[[float], np.ndarray]) -> Path:
    """A test set of one recording."""
    folder = tmp_path / "data" / "test"
    (folder / "audio").mkdir(parents=True)
    clean = speech_like(1.5)
    noisy = clean + 0.02 * np.random.default_rng(1).standard_normal(clean.size)
    soundfile.write(folder / "audio" / "n1.clean.flac", clean, 16000)
    soundfile.write(folder / "audio" / "n1.noisy.flac", noisy, 16000)
    (folder / "audio.csv").write_text("id,condition,snr_db\nn1,noise,5\n")
    return folder.parent


def test_registering_the_commands_loads_nothing_heavy():
    code = "import lipstream.bench.commands.quality, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["latency", "--hops", "0"],
        ["latency", "--threads", "few"],
        ["layers", "--hops", "none"],
        ["offline", "--seconds", "0"],
        ["scaling", "--runtime", "onnx"],
        ["streams", "--streams", "0"],
        ["rtf", "--seconds", "-1"],
        ["rtf", "--input", "a.wav", "--seconds", "3"],
        ["quality", "--set", "video"],
        ["quality", "--jobs", "3"],
    ],
    ids=lambda argv: " ".join(argv) or "nothing",
)
def test_bad_usage_exits_with_2(argv: Sequence[str]):
    with pytest.raises(SystemExit) as exit_info:
        run(*argv)
    assert exit_info.value.code == 2


def test_quality_prints_means_and_writes_every_recording(
    data: Path,
    pass_through: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(evaluation, "Enhancer", lambda *_: Enhancer(runtime=pass_through))
    file = tmp_path / "quality.json"
    assert run("quality", "--data", str(data), "--json", str(file)) == 0
    assert "PESQ-WB" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert (written["model"], written["runtime"], written["set"]) == ("lite", "onnx", "audio")
    (item,) = written["items"]
    (summary,) = written["summaries"]
    assert item["id"] == "n1"
    assert item["scores"]["noisy"]["pesq_wb"] == summary["means"]["noisy"]["pesq_wb"]


def test_latency_runs_on_the_runtimes_that_are_named(
    pass_through: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(speed, "in_fresh_process", lambda function, *given, threads=1: function(*given))
    monkeypatch.setattr(speed, "load_candidate", lambda model, runtime, folder: pass_through)
    monkeypatch.setattr(offline, "measure_offline", partial(offline.measure_offline, seconds=0.1, runs=1))
    file = tmp_path / "latency.json"
    assert run("latency", "--runtime", "onnx", "--hops", "3", "--json", str(file)) == 0
    assert "p99" in capsys.readouterr().out
    (entry,) = json.loads(file.read_text())["runtimes"]
    assert (entry["runtime"], entry["hop"]["count"]) == ("onnx", 3)


def test_layers_prints_a_table_and_keeps_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "layers.json"
    assert run("layers", "--hops", "1", "--json", str(file)) == 0
    assert "between them" in capsys.readouterr().out
    (model,) = json.loads(file.read_text())["models"]
    assert model["layers"][0]["name"] == "analysis"


def test_what_needs_torch_says_so_where_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lipstream.bench.speed.layers", None)
    with pytest.raises(InputError, match=r"pip install 'lipstream\[torch\]'"):
        run("layers")


@pytest.mark.parametrize("source", [["--seconds", "2"], ["--input", "speech.wav"]], ids=["made", "given"])
def test_rtf_times_a_made_file_or_a_given_one(
    source: list[str],
    pass_through: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "Enhancer", lambda *_: Enhancer(runtime=pass_through))
    monkeypatch.setattr(offline, "measure_offline", partial(offline.measure_offline, runs=1))
    soundfile.write("speech.wav", np.full(32000, 0.1), 16000)
    assert run("rtf", "--runtime", "onnx", *source, "--json", "rtf.json") == 0
    assert "times real time" in capsys.readouterr().out
    written = json.loads(Path("rtf.json").read_text())
    assert [entry["seconds"] for entry in (*written["files"], *written["offline"])] == [2.0, 2.0]


@pytest.mark.parametrize("kind", ["latency", "rtf", "quality", "layers", "pipeline"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured(kind: str, tmp_path: Path):
    with pytest.raises(InputError, match="does not exist"):
        run(kind, "--json", str(tmp_path / "missing" / "report.json"))


def test_a_missing_data_folder_is_told_with_the_ways_to_name_one(tmp_path: Path):
    with pytest.raises(InputError, match="--data or in LIPSTREAM_DATA"):
        run("quality", "--data", str(tmp_path))
