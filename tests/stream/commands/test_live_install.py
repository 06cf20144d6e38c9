"""A unit and a desktop file appear in the user's folders, and only they are ever overwritten or removed."""

import configparser
import shlex
import sys
from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.stream.commands.live_install import install, this_program, uninstall


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def content(path: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(path)
    return parsed


def test_both_files_start_the_program_and_go_again(home: Path) -> None:
    program = home / "my programs" / "lipstream"
    unit, desktop = install(program)
    assert unit == home / "config" / "systemd" / "user" / "lipstream.service"
    assert desktop == home / "data" / "applications" / "lipstream.desktop"
    for path, section, key in ((unit, "Service", "ExecStart"), (desktop, "Desktop Entry", "Exec")):
        assert shlex.split(content(path)[section][key]) == [str(program), "live"]
    assert install(Path("/elsewhere/lipstream")) == [unit, desktop], "an older one is brought up to date"
    assert "/elsewhere/" in unit.read_text()
    assert uninstall() == [unit, desktop]
    assert uninstall() == []
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_what_the_formats_give_a_meaning_to_is_escaped(home: Path) -> None:
    unit, desktop = install(Path('/a%b$c"d/lipstream'))
    assert content(unit)["Service"]["ExecStart"] == '"/a%%b$$c\\"d/lipstream" live'
    assert content(desktop)["Desktop Entry"]["Exec"] == '"/a%%b\\\\$c\\\\"d/lipstream" live'


def test_a_file_of_somebody_else_is_neither_overwritten_nor_removed(home: Path) -> None:
    foreign = home / "data" / "applications" / "lipstream.desktop"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("[Desktop Entry]\nName=Mine\n")
    with pytest.raises(InputError, match="move it away"):
        install(Path("/bin/lipstream"))
    assert uninstall() == []
    assert [path for path in home.rglob("*") if path.is_file()] == [foreign]


def test_elsewhere_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for call in (uninstall, lambda: install(Path("/bin/lipstream"))):
        with pytest.raises(InputError, match="login items"):
            call()


def test_the_program_is_the_one_that_was_started(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = home / "lipstream"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program), "live", "--install"])
    assert this_program() == program
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setenv("PATH", str(home))
    assert this_program() == program
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="install the package"):
        this_program()
