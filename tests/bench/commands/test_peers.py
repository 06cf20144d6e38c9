"""``lipstream bench peers``: what it prints and writes, and mistakes told before anything runs."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.bench.commands.peers import add_peers


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_peers(parser.add_subparsers())
    args = parser.parse_args(["peers", *map(str, arguments)])
    return int(args.run(args))


@pytest.fixture
def data(tmp_path: Path, speech_like: Callable[[float], np.ndarray]) -> Path:
    """A data folder with one recording."""
    folder = tmp_path / "data"
    (folder / "test" / "audio").mkdir(parents=True)
    (folder / "test" / "audio.csv").write_text("id,condition,snr_db\none,noise,5\n")
    clean = speech_like(2.0)
    noise = 0.02 * np.random.default_rng(0).standard_normal(clean.size)
    for name, wave in (("clean", clean), ("noisy", clean + noise)):
        soundfile.write(folder / "test" / "audio" / f"one.{name}.flac", wave, 16_000)
    return folder


def test_one_table_and_all_results_in_a_file(
    data: Path, delaying: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "peers.json"
    assert run("--data", data, "--model", "--peers", "--onnx", delaying(), "--json", target) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[-2:]] == ["noisy", "delay"]
    results = json.loads(target.read_text())
    (peer,) = results["report"]["measured"]
    assert peer["lag_samples"] == 160
    assert [item["id"] for item in peer["quality"]["items"]] == ["one"]
    assert results["summaries"]["delay"][0]["count"] == 1


def test_mistakes_are_told_at_once(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no peer 'krisp'"):
        run("--data", data, "--peers", "krisp")
    with pytest.raises(InputError, match="cannot read the description"):
        run("--data", data, "--onnx", tmp_path / "none.toml")
    with pytest.raises(InputError, match="does not exist"):
        run("--data", data, "--json", tmp_path / "nowhere" / "peers.json")
    with pytest.raises(InputError, match="no test set"):
        run("--data", tmp_path)
