"""Cameras as users write them, and as they are shown."""

from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.stream.video.camera.names import camera_name, parse_camera


def test_cameras_are_read_as_users_write_them(tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    video.touch()
    assert parse_camera("0") == 0
    assert parse_camera("/dev/video2") == 2
    assert parse_camera("rtsp://camera.local/live") == "rtsp://camera.local/live"
    assert parse_camera(str(video)) == video
    with pytest.raises(InputError, match="no index, no URL and no file"):
        parse_camera(str(tmp_path / "gone.mp4"))


def test_a_name_holds_no_password(tmp_path: Path) -> None:
    assert camera_name("http://me:secret@camera.local:81/v.mjpg?x=1") == "http://camera.local:81/v.mjpg?x=1"
    assert camera_name(tmp_path / "talk.mp4") == "talk.mp4"
    assert camera_name(977) == "977"
