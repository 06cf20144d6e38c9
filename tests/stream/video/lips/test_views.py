"""The parts of a picture in which faces are looked for and followed."""

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.stream.video.lips.views import View, has_left, hidden, tiles, view_of


def picture(width: int, height: int) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def face(x: float, y: float, size: float) -> Float32:
    corners = [(x - size / 2, y - size / 2, 0), (x + size / 2, y + size / 2, 0), (x, y, 0)]
    return np.array(corners, np.float32)


def holds(view: View, left: float, top: float, size: float) -> bool:
    return (
        view.left <= left
        and view.top <= top
        and left + size <= view.left + view.width
        and top + size <= view.top + view.height
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (640, 480), (1920, 1080)])
def test_each_small_face_lies_whole_in_some_tile(width: int, height: int) -> None:
    parts, size = tiles(picture(width, height)), 0.12 * max(width, height)
    assert all(part.left >= 0 and part.left + part.width <= width for part in parts)
    assert all(part.top >= 0 and part.top + part.height <= height for part in parts)
    for left in np.linspace(0, width - size, 40):
        for top in np.linspace(0, height - size, 40):
            assert any(holds(part, left, top, size) for part in parts)


def test_a_picture_no_larger_than_a_tile_has_none() -> None:
    assert tiles(picture(288, 288)) == []


def test_a_face_is_followed_in_a_part_of_the_picture_that_lies_inside_it() -> None:
    rgb = picture(1280, 720)
    assert view_of(face(640, 360, 100), rgb) == (490, 210, 300, 300)
    assert view_of(face(10, 715, 100), rgb) == (0, 420, 300, 300)
    assert view_of(face(640, 360, 500), rgb) == View.whole(rgb)


def test_only_a_face_that_has_moved_far_or_grown_gets_another_view() -> None:
    rgb = picture(1280, 720)
    view = view_of(face(640, 360, 100), rgb)
    assert not has_left(face(690, 390, 110), view, rgb)
    assert has_left(face(720, 360, 100), view, rgb)
    assert has_left(face(640, 360, 160), view, rgb)
    assert has_left(face(640, 360, 60), view, rgb)
    assert not has_left(face(900, 600, 60), View.whole(rgb), rgb)


def test_a_view_and_its_picture_have_the_same_points() -> None:
    rgb = picture(1280, 720)
    rgb[300, 500] = 255
    view = View(490, 210, 300, 300)
    assert view.of(rgb)[90, 10].tolist() == [255] * 3
    points = view.to_picture(np.array([[10, 90, 5]], np.float32))
    assert points.tolist() == [[500, 300, 5]]


def test_faces_are_hidden_in_a_copy() -> None:
    rgb = picture(200, 200)
    covered = hidden(rgb, [face(20, 100, 60)])
    assert (covered[70:130, 0:50] == 128).all()
    assert not covered[:, 60:].any()
    assert not rgb.any()
