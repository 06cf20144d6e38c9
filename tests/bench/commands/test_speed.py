"""``lipstream bench``: arguments, output and files of the measurements of speed, the errors a user sees."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lipstream import cli
from lipstream.bench.speed import cost, latency
from lipstream.bench.speed.network import roofline
from lipstream.errors import InputError
from lipstream.kernels.cpu import peak as cpu_peak

HEAVY = ("numpy", "torch", "onnxruntime", "matplotlib", "scipy", "pesq", "pystoi", "rich", "soundfile")

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler here"
)

Run = Callable[..., int]


def test_registering_the_commands_loads_nothing_heavy():
    code = "import lipstream.bench.commands, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)


def test_nothing_of_the_bench_needs_training():
    folder = Path(cli.__file__).parent / "bench"
    assert not [
        file
        for file in folder.rglob("*.py")
        if "train." in file.read_text() and "..train" in file.read_text()
    ]


def test_training_brings_its_own_measurement(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["bench", "train", "--help"])
    assert "seconds of mixtures" in capsys.readouterr().out


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
        ["cost", "--seconds", "-1"],
        ["cost", "--input", "a.wav", "--seconds", "3"],
        ["roofline", "--hops", "0"],
        ["quality", "--set", "video"],
        ["quality", "--jobs", "0"],
    ],
    ids=lambda argv: " ".join(argv) or "nothing",
)
def test_bad_usage_exits_with_2(run_bench: Run, argv: Sequence[str]):
    with pytest.raises(SystemExit) as exit_info:
        run_bench(*argv)
    assert exit_info.value.code == 2


def test_latency_runs_on_the_runtimes_that_are_named(
    run_bench: Run,
    pass_through: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(latency, "in_fresh_process", lambda function, *given, threads=1: function(*given))
    monkeypatch.setattr(latency, "load_candidate", lambda model, runtime, folder: pass_through)
    file = tmp_path / "latency.json"
    assert run_bench("latency", "--runtime", "onnx", "--hops", "3", "--json", str(file)) == 0
    assert "p99" in capsys.readouterr().out
    (entry,) = json.loads(file.read_text())["runtimes"]
    assert (entry["runtime"], entry["hop"]["count"]) == ("onnx", 3)


def test_layers_prints_a_table_and_keeps_the_figures(
    run_bench: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "layers.json"
    assert run_bench("layers", "--hops", "1", "--json", str(file)) == 0
    assert "between them" in capsys.readouterr().out
    (model,) = json.loads(file.read_text())["models"]
    assert model["layers"][0]["name"] == "analysis"


def test_what_needs_torch_says_so_where_it_is_missing(run_bench: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lipstream.bench.speed.network.layers", None)
    with pytest.raises(InputError, match=r'pip install "lipstream\[torch\]"'):
        run_bench("layers")


@pytest.mark.parametrize(
    ("command", "note"),
    [
        (["bench", "cost"], ""),
        (["bench", "rtf"], "'bench rtf' will go, it is now 'bench cost'"),
        (["evaluate", "complexity"], "'evaluate complexity' will go, it is now 'bench cost'"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_costs_are_printed_with_the_machine_under_old_names_as_well(
    command: list[str],
    note: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[Any] = []

    def measure(forms: Any, hops: int, threads: int, source: Path) -> list[cost.Cost]:
        asked.append((forms, hops, threads, source.is_file()))
        return [cost.Cost("lite onnx", 25.0, 0.1, parameters=479_000, model="lite", runtime="onnx")]

    monkeypatch.setattr(cost, "measure_costs", measure)
    file = tmp_path / "c.json"
    assert (
        cli.main([*command, "--runtime", "onnx", "--hops", "3", "--seconds", "1", "--json", str(file)]) == 0
    )
    told = capsys.readouterr()
    assert "479 k" in told.out
    assert note in told.err
    assert bool(note) == bool(told.err)
    assert asked == [([("lite", "onnx")], 3, 1, True)]
    assert json.loads(file.read_text())["costs"][0]["runtime"] == "onnx"


@needs_compiler
@pytest.mark.parametrize("name", ["roofline", "floor"])
def test_the_roofline_counts_the_model_and_names_every_runtime(
    run_bench: Run,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(cpu_peak, "_SPELLS", 3)
    monkeypatch.setattr(roofline, "WARM_UP", 2)
    assert run_bench(name, "--hops", "5", "--json", str(tmp_path / "roofline.json")) == 0
    report = json.loads((tmp_path / "roofline.json").read_text())
    assert 2e6 < report["roofline"]["macs"] < 4e6  # the aim of `lite` with lips is 0.34 G a second, 80 hops
    assert report["roofline"]["bytes"] == 3_759_564 + 2 * 521_640  # all but the visual encoder
    assert [entry["runtime"] for entry in report["runtimes"]] == ["onnx", "native"]
    assert report["runtimes"][0]["times_faster"] == 1.0
    told = capsys.readouterr()
    assert "compute roofline" in told.out
    assert ("it is now 'bench roofline'" in told.err) == (name == "floor")


def test_a_missing_compiler_gets_one_clear_line(
    run_bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # what was compiled before serves as well
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler"):
        run_bench("roofline", "--hops", "1", "--runtime", "onnx")


@pytest.mark.parametrize("kind", ["latency", "cost", "quality", "fidelity", "peers", "layers", "pipeline"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured(
    run_bench: Run, kind: str, tmp_path: Path
):
    with pytest.raises(InputError, match="does not exist"):
        run_bench(kind, "--json", str(tmp_path / "missing" / "report.json"))
