"""``lipstream data mix`` and ``data sample``: a test set from folders, and the errors a user sees."""

import shutil
from pathlib import Path

import pytest

from lipstream.bench.data.custom import ManifestPairs
from lipstream.cli import main


@pytest.fixture
def folders(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with folders ``speech`` of three speakers, ``noise`` and ``rooms``."""
    for name in "abc":
        for kind, file in (("speech", "speech/mini.flac"), ("noise", "noise/fan.flac")):
            (tmp_path / kind / name).mkdir(parents=True)
            shutil.copyfile(data / "train" / file, tmp_path / kind / name / "x.flac")
    shutil.copytree(data / "train" / "rir", tmp_path / "rooms")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_test_set_is_mixed_from_folders(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = ["--speech", "speech", "--noise", "noise", "--rir", "rooms"]
    sizes = ["--kind", "noise", "talker", "--snr", "0", "5", "--each", "1", "--seconds", "0.5"]
    assert main(["data", "mix", "set", *named, *sizes]) == 0
    assert capsys.readouterr().out == f"{Path('set', 'list.csv')}\n"
    ids = ["noise_0dB_00", "noise_5dB_00", "talker_0dB_00", "talker_5dB_00"]
    assert ManifestPairs(Path("set/list.csv")).ids == ids
    assert main(["data", "mix", "set", *named, *sizes]) == 2
    assert "is there and not empty" in capsys.readouterr().err
    held_out = [*named, "--held-out", "--kind", "noise", "--each", "1", "--seconds", "0.5"]
    assert main(["data", "mix", "held", *held_out]) == 0


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["mix", "set"], "name what to mix: --speech DIR and --noise DIR"),
        (["mix", "set", "--speech", "speech", "--noise", "none"], "--noise none: there is no such folder"),
        (
            ["mix", "set", "--speech", "speech", "--noise", "noise", "--kind", "rain"],
            "there is no kind 'rain'",
        ),
        (["sample", "set", "--speakers", "1"], "--speakers: must be at least 2"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(
    argv: list[str], told: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", *argv]) == 2
    assert told in capsys.readouterr().err
    assert not (folders / "set").exists()
