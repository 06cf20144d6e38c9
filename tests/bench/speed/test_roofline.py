"""The floor under a hop, the runtimes that take turns, and the command around them."""

import argparse
import json
import shutil
from pathlib import Path

import pytest

from lipstream.bench.commands.speed import add_floor
from lipstream.bench.speed import roofline as floor
from lipstream.errors import InputError
from lipstream.kernels import cpu_peak

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler here"
)


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    add_floor(parser.add_subparsers())
    args = parser.parse_args(["floor", *argv])
    return int(args.run(args))


@needs_compiler
def test_it_counts_the_model_and_names_every_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cpu_peak, "_SPELLS", 3)
    monkeypatch.setattr(floor, "WARM_UP", 2)
    assert run("--hops", "5", "--json", str(tmp_path / "floor.json")) == 0
    report = json.loads((tmp_path / "floor.json").read_text())
    assert 2e6 < report["floor"]["macs"] < 4e6  # the aim of `lite` is 0.3 G a second, 80 hops
    assert report["floor"]["bytes"] == 2_017_388 + 2 * 516_828  # all but the visual encoder
    assert [entry["runtime"] for entry in report["runtimes"]] == ["onnx", "native"]
    assert report["runtimes"][0]["times_faster"] == 1.0
    assert "compute floor" in capsys.readouterr().out


def test_bad_numbers_and_a_missing_compiler_get_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run("--hops", "0")
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler"):
        run("--hops", "1", "--runtime", "onnx")
