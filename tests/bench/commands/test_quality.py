"""``lipstream bench quality | fidelity | peers``: the old names on the one pipeline, and where they went."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lipstream.bench.evaluation.results import load_results
from lipstream.bench.systems import named
from lipstream.errors import InputError
from lipstream.stream.enhancer import Enhancer

Run = Callable[..., int]


@pytest.fixture
def passing(pass_through: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model passes its input through."""
    monkeypatch.setattr(named, "Enhancer", lambda *_: Enhancer(runtime=pass_through))


@pytest.mark.usefixtures("passing")
def test_quality_prints_means_and_writes_every_recording(
    run_bench: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "quality.json"
    assert run_bench("quality", "--data", data, "--json", file) == 0
    told = capsys.readouterr()
    assert "PESQ-WB" in told.out
    assert "it is now 'evaluate --set audio --metrics pesq stoi si-sdr'" in told.err
    assert json.loads(file.read_text())["settings"]["systems"] == ["lite:onnx"]
    (item,) = load_results(file).items
    assert (item.id, item.dataset, list(item.scores)) == ("n1", "audio", ["noisy", "lite"])
    assert item.scores["lite"]["pesq_wb"] == pytest.approx(item.scores["noisy"]["pesq_wb"], abs=1e-3)
    assert item.scores["lite"]["si_sdr_db"] == pytest.approx(item.scores["noisy"]["si_sdr_db"], abs=1e-3)


@pytest.mark.usefixtures("passing")
def test_fidelity_prints_a_table_and_keeps_every_case(
    run_bench: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "fidelity.json"
    assert run_bench("fidelity", "--data", data, "--json", file) == 0
    told = capsys.readouterr()
    assert "it is now 'evaluate --set fidelity'" in told.err
    rows = {line[:28].strip(): line[28:].split() for line in told.out.splitlines()}
    assert rows["noise, all"][1:3] == ["-", "-"]
    assert rows["whispered"][-1] == "0.00"
    results = load_results(file)
    assert len(results.items) == 7
    assert results.signals == ["lite"]


def test_peers_are_one_table_and_all_results_in_a_file(
    run_bench: Run,
    data: Path,
    delaying: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    target = tmp_path / "peers.json"
    assert (
        run_bench("peers", "--data", data, "--model", "--peers", "--onnx", delaying(), "--json", target) == 0
    )
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[-2:]] == ["noisy", "delay"]
    results = load_results(target)
    assert results.signals == ["noisy", "delay"]
    assert [cost.latency_ms for cost in results.costs] == [20.0]


def test_mistakes_are_told_at_once(run_bench: Run, data: Path, tmp_path: Path):
    with pytest.raises(InputError, match="no peer 'krisp'"):
        run_bench("peers", "--data", data, "--peers", "krisp")
    with pytest.raises(InputError, match="cannot read the description"):
        run_bench("peers", "--data", data, "--onnx", tmp_path / "none.toml")
    for kind in ("quality", "fidelity", "peers"):
        with pytest.raises(InputError, match="--data or in LIPSTREAM_DATA"):
            run_bench(kind, "--data", tmp_path)
