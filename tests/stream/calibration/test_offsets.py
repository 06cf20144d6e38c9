"""Offsets are remembered for each camera, whole or not at all."""

from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.stream.calibration.offsets import store_offset, stored_offset


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings" / "lipstream" / "cameras.json"


def test_a_camera_never_measured_is_on_time() -> None:
    assert stored_offset(977) == 0.0


def test_each_camera_has_its_own_offset(own_settings: Path) -> None:
    assert store_offset(977, 0.0841) == own_settings
    store_offset("http://me:secret@camera.local/v", -0.02)
    store_offset(977, 0.06)
    assert stored_offset(977) == pytest.approx(0.06)
    assert stored_offset("http://camera.local/v") == pytest.approx(-0.02)
    assert stored_offset(978) == 0.0
    assert "secret" not in own_settings.read_text()
    assert list(own_settings.parent.iterdir()) == [own_settings]


@pytest.mark.parametrize("content", ["{", "[]", '{"977": 3}', '{"977": {"offset_s": "late"}}', "\0"])
def test_damaged_settings_are_told_and_left_alone(own_settings: Path, content: str) -> None:
    own_settings.parent.mkdir(parents=True)
    own_settings.write_text(content)
    with pytest.raises(InputError, match=r"cameras\.json is damaged: delete it"):
        stored_offset(977)
    assert own_settings.read_text() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cameras\.json cannot be"):
        store_offset(977, 0.1)


def test_a_failed_write_leaves_the_old_settings(own_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_offset(977, 0.1)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left"):
        store_offset(977, 0.2)
    assert stored_offset(977) == pytest.approx(0.1)
    assert list(own_settings.parent.iterdir()) == [own_settings]
