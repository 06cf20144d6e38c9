"""``lipstream bench agents``: the recordings in noise alone, and a line for what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.bench.evaluation import agents

Run = Callable[..., int]


def test_without_filters_it_tells_of_the_noisy_recordings(
    run_bench: Run,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        agents, "speech_probabilities", lambda wave: abs(wave[: wave.size // 512 * 512 : 512])
    )
    table = data / "test" / "audio.csv"
    table.write_text(table.read_text() + "n1,talker,5,x\n")
    kept = tmp_path / "kept.json"
    assert run_bench("agents", "--model", "--peers", "--data", data, "--json", kept) == 0
    out = capsys.readouterr().out
    assert "1 noisy recordings" in out
    assert [entry["name"] for entry in json.loads(kept.read_text())["filters"]] == ["no filter"]


def test_an_unknown_filter_is_told(run_bench: Run, data: Path) -> None:
    with pytest.raises(InputError, match="no peer 'krisp': choose from rnnoise"):
        run_bench("agents", "--peers", "krisp", "--data", data)
