"""What a run tells: strict JSON, plain lines or, on a terminal, a bar; TensorBoard where it is asked for."""

import io
import json
import math
import re
import sys
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.run.reports import Reports

TRAINING = {"loss": 0.25, "si_sdr": -7.5, "audio_s_per_s": 31.4}
VALIDATION = {"val_pesq": 2.125, "val_alpha_bad": math.nan}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(folder: Path, tensorboard: bool = False, silent: bool = False) -> None:
    with Reports(folder, 0, 100, tensorboard, silent) as reports:
        for step in range(1, 51):
            reports.advance(step)
        reports.write(50, TRAINING)
        reports.write(50, VALIDATION)


def test_the_log_and_the_plain_lines_are_the_same_strict_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(tmp_path)
    text = (tmp_path / "log.jsonl").read_text()
    assert [json.loads(line) for line in text.splitlines()] == [
        {"step": 50, **TRAINING},
        {"step": 50, "val_pesq": 2.125, "val_alpha_bad": None},
    ]
    assert "NaN" not in text
    assert capsys.readouterr().out == text


def test_a_terminal_gets_a_bar_with_speed_loss_and_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    tell(tmp_path)
    shown = terminal.getvalue()
    assert "50/100" in shown
    assert "31.4x real time" in shown
    assert "loss 0.25" in shown
    assert "step 50: pesq 2.125" in shown
    assert capsys.readouterr().out == ""
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2


def test_the_bar_keeps_steps_and_time_left_where_there_is_no_room_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with Reports(tmp_path, 0, 20000, False, False) as reports:
        for step in range(1, 51):
            reports.advance(step)
        reports.write(50, TRAINING | {f"a_term_{number}": 1.5 for number in range(9)})
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).strip().splitlines()[-1]
    assert "50/20000" in last
    assert re.search(r"\d+:\d\d|-:--:--", last)
    assert "31.4x real time" in last
    assert len(last) <= 80


def test_processes_that_do_not_lead_tell_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(tmp_path, tensorboard=True, silent=True)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


def test_tensorboard_gets_training_and_validation_apart(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tell(tmp_path, tensorboard=True)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    values = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    assert set(values) == {"train/loss", "train/si_sdr", "train/audio_s_per_s", "validation/pesq"}
    assert [(event.step, event.value) for event in values["validation/pesq"]] == [(50, 2.125)]


def test_without_its_package_tensorboard_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="--tensorboard needs its package: pip install tensorboard"):
        tell(tmp_path, tensorboard=True)
