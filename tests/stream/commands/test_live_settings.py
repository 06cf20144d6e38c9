"""Settings are remembered as they were given, and a file that cannot be used is one clear line."""

from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.stream.commands import live_saved as module
from lipstream.stream.commands.live_saved import read_settings, settings_path, write_settings
from lipstream.stream.commands.live_settings import LiveSettings
from lipstream.stream.controls import NO_LIMIT_DB

ALL = LiveSettings(
    input='Mic "Ünï"\\',
    output="Headphones",
    monitor=True,
    channel=2,
    rate=48_000,
    block=480,
    camera="0",
    face_model="/models/face.task",
    av_align=120.0,
    av_offset="auto",
    model="lite",
    runtime="onnx",
    strength="24",
    low_latency=True,
    max_latency=100.0,
    push_to_talk=False,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "config_folder", lambda: tmp_path / "config")
    return tmp_path / "config"


@pytest.mark.parametrize("settings", [ALL, LiveSettings(), LiveSettings(virtual_mic="voice")])
def test_what_is_saved_is_read_again(settings: LiveSettings, folder: Path) -> None:
    assert read_settings() is None
    write_settings(LiveSettings(model="base"))
    assert write_settings(settings) == settings_path()
    assert read_settings() == settings
    assert [path.name for path in folder.iterdir()] == ["live.toml"]


def test_files_are_remembered_wherever_one_is_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "face.mp4").touch()
    write_settings(LiveSettings(input="in.wav", output="Headphones", camera="face.mp4"))
    absolute = LiveSettings(str(tmp_path / "in.wav"), output="Headphones", camera=str(tmp_path / "face.mp4"))
    assert read_settings() == absolute


def test_settings_become_the_configuration_of_a_session() -> None:
    config = LiveSettings(input="in.wav", virtual_mic="voice", strength="light", camera="1").config()
    assert (config.input, config.virtual_mic, config.atten_limit_db) == (Path("in.wav"), "voice", 12.0)
    assert config.camera == 1
    config = LiveSettings(camera="none", output="3").config(duration_s=2.0)
    assert (config.camera, config.output, config.duration_s) == (None, "3", 2.0)
    assert (config.model, config.atten_limit_db) == ("lite", NO_LIMIT_DB)
    with pytest.raises(InputError, match="choose one"):
        LiveSettings(monitor=True, virtual_mic="voice").config()


def test_they_are_said_as_options() -> None:
    assert LiveSettings().words() == "none"
    words = LiveSettings(virtual_mic="voice", low_latency=True, rate=48_000).words()
    assert words == '--virtual-mic "voice" --rate 48000 --low-latency'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("version = ", "damaged"),
        ("rate = 48000", "of version None"),
        ("version = 2", "of version 2"),
        ("version = 1\nvolume = 3", "no setting 'volume'"),
        ('version = 1\nrate = "fast"', "rate cannot be 'fast'"),
        ("version = 1\nrate = true", "rate cannot be True"),
        ("version = 1\nmonitor = 1", "monitor cannot be 1"),
        ("version = 1\nstrength = 12", "strength cannot be 12"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_the_fix(content: str, words: str, folder: Path) -> None:
    folder.mkdir()
    settings_path().write_text(content)
    with pytest.raises(InputError, match=words) as told:
        read_settings()
    assert "--no-saved" in str(told.value)


def test_a_file_that_may_not_be_read_or_written_is_told(folder: Path) -> None:
    settings_path().mkdir(parents=True)
    with pytest.raises(InputError, match=r"cannot be read \(.*--no-saved"):
        read_settings()
    with pytest.raises(InputError, match="start without --save"):
        write_settings(ALL)
