"""Parts of a picture: tiles in which small faces are searched for, and the view that a face is followed in.

MediaPipe's detector shrinks what it gets to 128 pixels, so it finds faces from about a tenth of the longer
side on: 128 pixels of 1280. In a part of the picture smaller faces are found, and nothing need be enlarged:
the landmarker itself takes the face out of its picture at the resolution there is.
"""

import math
from typing import NamedTuple, Self

import numpy as np

from ....core.arrays import Float32, UInt8

#: Side of a tile: so many pixels, in pictures whose longer side is more than four of them a quarter of that.
_TILE, _TILES_ACROSS = 360, 4
#: The largest face that only a tile shows, as a share of the longer side, with a margin about it.
_SMALL_FACE = 0.13
#: Side of the view of a face, in sizes of the face.
_ROOM = 3.0
#: A face has left its view that lies so many of its sizes off the middle, or is so many times as large.
_OFF, _GROWN = 0.7, 1.5


class View(NamedTuple):
    """A rectangle of whole pixels in a picture."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def whole(cls, rgb: UInt8) -> Self:
        """All of a picture ``[height, width, 3]``."""
        return cls(0, 0, rgb.shape[1], rgb.shape[0])

    def of(self, rgb: UInt8) -> UInt8:
        """What it shows of a picture, uint8 ``[height, width, 3]``."""
        return rgb[self.top : self.top + self.height, self.left : self.left + self.width]

    def to_picture(self, landmarks: Float32) -> Float32:
        """Landmarks ``[N, 3]`` in pixels of the view, in pixels of the picture."""
        return landmarks + np.array([self.left, self.top, 0], np.float32)


def tiles(rgb: UInt8) -> list[View]:
    """Parts that overlap so that each face too small for the detector in the whole picture lies in one."""
    height, width = rgb.shape[:2]
    side = max(_TILE, math.ceil(max(height, width) / _TILES_ACROSS))
    if side >= max(height, width):
        return []
    stride = side - math.ceil(_SMALL_FACE * max(height, width))
    return [
        View(left, top, min(side, width), min(side, height))
        for top in _starts(height, side, stride)
        for left in _starts(width, side, stride)
    ]


def view_of(landmarks: Float32, rgb: UInt8) -> View:
    """The part of a picture to follow a face in; the whole picture where that is hardly larger."""
    size, (x, y) = _size(landmarks), _middle(landmarks)
    side, (height, width) = math.ceil(_ROOM * size), rgb.shape[:2]
    if not 1 <= side < max(height, width):
        return View.whole(rgb)
    across, down = min(side, width), min(side, height)
    left = min(max(round(x - across / 2), 0), width - across)
    top = min(max(round(y - down / 2), 0), height - down)
    return View(left, top, across, down)


def has_left(landmarks: Float32, view: View, rgb: UInt8) -> bool:
    """Whether a face is to be followed in another view from now on, by its landmarks in the picture."""
    better = view_of(landmarks, rgb)
    if better == view or view == View.whole(rgb):
        return False
    grown = better.width * better.height / (view.width * view.height)
    off = max(
        abs(better.left + better.width / 2 - view.left - view.width / 2),
        abs(better.top + better.height / 2 - view.top - view.height / 2),
    )
    return off > _OFF * _size(landmarks) or not 1 / _GROWN < math.sqrt(grown) < _GROWN


def hidden(rgb: UInt8, faces: list[Float32]) -> UInt8:
    """A copy of a picture in which each face, landmarks ``[N, 3]``, is a grey box."""
    picture = rgb.copy()
    for face in faces:
        (left, top), (right, bottom) = (
            np.nan_to_num(edge).astype(int).clip(0) for edge in (face[:, :2].min(0), face[:, :2].max(0))
        )
        picture[top : bottom + 1, left : right + 1] = 128
    return picture


def _starts(length: int, side: int, stride: int) -> list[int]:
    """Where parts of a side begin, that cover a length evenly."""
    count = max(1, math.ceil((length - side) / stride) + 1)
    return [round(k * max(0, length - side) / max(1, count - 1)) for k in range(count)]


def _size(landmarks: Float32) -> float:
    return float(np.ptp(landmarks[:, :2], axis=0).max())


def _middle(landmarks: Float32) -> tuple[float, float]:
    x, y = (landmarks[:, :2].min(axis=0) + landmarks[:, :2].max(axis=0)) / 2
    return float(x), float(y)
