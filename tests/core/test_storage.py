"""Folders of the user on each system, and files that appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from lipstream.core.storage import cache_folder, config_folder, partial_path, runtime_folder, written_whole


def test_each_folder_is_the_users_and_named_after_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert cache_folder() == tmp_path / "cache" / "lipstream"
    assert config_folder() == tmp_path / "config" / "lipstream"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert runtime_folder() == Path("/run/user/7/lipstream")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_folder().name.startswith("lipstream-")


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    with written_whole(path) as partial:
        partial.write_text("new")
        assert not path.exists()
        assert partial.parent == tmp_path
        assert partial.suffix == ".json"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_was_there_stays_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "some.json"
    path.write_text("old")
    with pytest.raises(error):
        _write_half(path, error())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _write_half(path: Path, error: BaseException) -> None:
    with written_whole(path) as partial:
        partial.write_text("ne")
        raise error


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with written_whole(link) as partial:
        assert partial.parent == target.parent
        partial.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_others_may_read_what_the_users_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with written_whole(tmp_path / "shared.txt") as partial:
            partial.write_text("for all")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shared.txt").stat().st_mode) == 0o644


def test_no_two_unfinished_files_share_a_name(tmp_path: Path) -> None:
    assert len({partial_path(tmp_path / "a.wav") for _ in range(50)}) == 50


def test_a_writer_that_keeps_its_file_to_itself_does_not_decide_that(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with written_whole(tmp_path / "weights.bin") as partial:
            partial.touch(mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights.bin").stat().st_mode) == 0o640
