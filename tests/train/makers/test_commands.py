"""``lipstream data voices`` and ``data shift``: the errors a user sees, and progress without a terminal."""

from pathlib import Path

import numpy as np
import pytest

from lipstream.cli import main
from lipstream.train.makers import commands


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["voices", "out", "--model", "."], "has no styles"),
        (["voices", "out", "--model", ".", "--jobs", "0"], "--jobs must be at least 1"),
        (["voices", "out", "--model", ".", "--hours", "nan"], "--hours above 0"),
        (["voices", "out", "--model", ".", "--texts", "xx=a.txt"], "texts for 'xx'"),
        (["voices", "out"], "required: --model"),
        (["shift", "none.jsonl", "out"], "no such manifest"),
        (["shift", "none.jsonl", "out", "--variants", "0"], "--variants must be at least 1"),
    ],
)
def test_bad_input_is_told_in_a_line_and_nothing_is_made(
    argv: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())


def test_a_model_without_a_vocabulary_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("piper")
    (tmp_path / "voices").mkdir()
    for name in ("af_a", "af_b", "am_c", "am_d", "am_e"):
        np.zeros(510 * 256, np.float32).tofile(tmp_path / "voices" / f"{name}.bin")
    monkeypatch.chdir(tmp_path)
    assert main(["data", "voices", "out", "--model", ".", "--voices", "9"]) == 2
    assert "has no vocab.json of Kokoro" in capsys.readouterr().err


def test_without_a_terminal_lines_tell_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(commands, "monotonic", lambda: now)
    with commands.Telling("voices") as progress:
        for done in (0.5, 0.6, 0.7):
            progress(done, 2.0)
            now += 360.0
    assert capsys.readouterr().err.splitlines() == [
        "voices: 0.60 of 2.00 hours, 1.00 an hour, 1.4 h left",
        "voices: 0.70 of 2.00 hours, 1.00 an hour, 1.3 h left",
    ]
