"""A face drawn by formulas: a shaded height field with painted eyes, brows, lips and hair.

It looks like no real person, yet enough like a face for the face landmarker, and its mouth opens as told.
Coordinates: x to the right and y down, the middle of the face at (0, 0), its half-height 1. A shape is a
signed distance to its outline, negative inside.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Colour = tuple[float, float, float]

#: Half the width and height of the picture.
HALF_SPAN = 1.25

SKIN: Colour = (0.86, 0.66, 0.55)
LIP: Colour = (0.70, 0.33, 0.32)
HAIR: Colour = (0.20, 0.14, 0.11)
SHIRT: Colour = (0.22, 0.33, 0.45)
WALL: Colour = (0.62, 0.66, 0.68)
LAMP = np.array([-0.35, -0.45, 0.82])  # direction to the light: from above on the left
BOTH_SIDES = (-1, 1)


@dataclass(frozen=True)
class Pose:
    """What moves.

    Attributes:
        opening: of the mouth, 0 (closed) to 1 (wide open).
        spread: of the mouth, -1 (rounded) to 1 (wide).
        blink: of both eyes, 0 (open) to 1 (closed).
        shift: of the head, x and y.
        tilt: of the head, in radians.
    """

    opening: float = 0.0
    spread: float = 0.0
    blink: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    tilt: float = 0.0


def draw_face(pose: Pose, size: int) -> npt.NDArray[np.uint8]:
    """One picture, uint8 ``[size, size, 3]`` RGB."""
    span = np.linspace(-HALF_SPAN, HALF_SPAN, size)
    room_x, room_y = np.meshgrid(span, span)
    head = (room_x - pose.shift[0] + 1j * (room_y - pose.shift[1])) * np.exp(-1j * pose.tilt)
    x, y = head.real, head.imag
    picture = _wall(room_x, room_y)
    _body(picture, room_x, room_y)
    _hair_behind(picture, x, y)
    _ears(picture, x, y)
    _head(picture, x, y, pose)
    for side in BOTH_SIDES:
        _eye(picture, (x - side * 0.285) / 0.135, (y + 0.125) / 0.135, pose.blink)
        _brow(picture, side * (x - side * 0.285) / 0.135, (y + 0.125) / 0.135)
    _mouth(picture, x, y, pose)
    _fringe(picture, x, y)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)


def _inked(distance: Field, width: float = 0.02) -> Field:
    """How much of each pixel a shape covers: 1 inside, 0 outside, smooth over about `width`."""
    covered = np.clip(0.5 - distance / (1.5 * width), 0, 1)
    return np.asarray(covered * covered * (3 - 2 * covered))


def _all_of(*distances: Field) -> Field:
    """What lies inside every one of some shapes."""
    return np.asarray(np.maximum.reduce(distances))


def _bump(x: Field, y: Field, cx: float, cy: float, sx: float, sy: float) -> Field:
    return np.asarray(np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)))


def _paint(picture: Field, coverage: Field, colour: Colour | Field) -> None:
    picture += coverage[..., None] * (np.asarray(colour) - picture)


def _shaded(brightness: Field, colour: Colour) -> Field:
    return np.asarray(brightness[..., None] * np.asarray(colour))


def _wall(x: Field, y: Field) -> Field:
    return _shaded(0.85 + 0.15 * np.cos(0.8 * (x + 0.6)) - 0.06 * y, WALL)


def _body(picture: Field, x: Field, y: Field) -> None:
    neck = _all_of(np.abs(x) - 0.34 - 0.1 * (y - 0.8) ** 2, 0.3 - y)
    shadow = 0.62 + 0.25 * np.exp(-((x / 0.3) ** 2)) - 0.25 * _bump(x, y, 0, 0.95, 0.6, 0.15)
    _paint(picture, _inked(neck), _shaded(shadow, SKIN))
    collar = 1.14 + 0.16 * np.abs(x) ** 2.2 + 0.12 * np.exp(-((x / 0.3) ** 4))
    _paint(picture, _inked(collar - y), _shaded(0.9 + 0.1 * np.cos(2.2 * x), SHIRT))


def _hair_behind(picture: Field, x: Field, y: Field) -> None:
    cap = (x / 0.84) ** 2 + ((y + 0.28) / 0.92) ** 2 - 1
    _paint(picture, _inked(_all_of(cap, 2 * (y - 0.15)), 0.06), HAIR)


def _ears(picture: Field, x: Field, y: Field) -> None:
    ears = ((np.abs(x) - 0.72) / 0.09) ** 2 + ((y + 0.02) / 0.2) ** 2 - 1
    _paint(picture, _inked(ears, 0.25), np.asarray(SKIN) * (0.80, 0.74, 0.72))


def _depth_inside(x: Field, y: Field) -> Field:
    """1 in the middle of the face, 0 at its outline (narrower towards the chin), negative outside."""
    half_width = 0.70 - 0.05 * y - 0.10 * np.clip(y - 0.15, 0, None) ** 1.5
    return np.asarray(1 - (x / half_width) ** 2 - np.abs(y) ** 2.3)


def _head(picture: Field, x: Field, y: Field, pose: Pose) -> None:
    inside = _depth_inside(x, y)
    skin = _shaded(_lit(_relief(x, y, inside, pose)), SKIN)
    blush = 0.9 * _bump(np.abs(x), y, 0.40, 0.22, 0.14, 0.12) + 0.7 * _bump(x, y, 0, 0.22, 0.08, 0.07)
    skin *= 1 - _shaded(blush, (0.0, 0.12, 0.10))
    skin *= 1 - 0.6 * _bump(np.abs(x), y, 0.065, 0.305, 0.030, 0.016)[..., None]  # nostrils
    _paint(picture, _inked(-inside, 0.05), skin)


def _relief(x: Field, y: Field, inside: Field, pose: Pose) -> Field:
    """Height of the face above the picture plane."""
    height = 0.62 * np.sqrt(np.clip(inside, 0.02, None))
    down_nose = np.clip((y + 0.22) / 0.46, 0, 1)
    height += (
        0.19 * down_nose**1.3 * np.exp(-((x / (0.055 + 0.045 * down_nose)) ** 2)) * _inked(y - 0.29, 0.06)
    )
    beside = np.abs(x)
    height += 0.050 * _bump(beside, y, 0.085, 0.26, 0.04, 0.045)  # wings of the nose
    height -= 0.085 * _bump(beside, y, 0.29, -0.13, 0.13, 0.075)  # eye sockets
    height += 0.035 * _bump(beside, y, 0.28, -0.29, 0.17, 0.05)  # brow ridges
    height += 0.050 * _bump(beside, y, 0.40, 0.17, 0.13, 0.12)  # cheekbones
    height += 0.050 * _bump(x, y, 0, 0.53 + 0.04 * pose.opening, 0.16, 0.08)  # lips
    height -= 0.020 * _bump(x, y, 0, 0.40, 0.025, 0.04)  # groove below the nose
    height -= 0.030 * _bump(x, y, 0, 0.68 + 0.10 * pose.opening, 0.14, 0.03)  # below the lip
    height += 0.050 * _bump(x, y, 0, 0.80 + 0.10 * pose.opening, 0.13, 0.08)  # chin
    return np.asarray(height)


def _lit(height: Field) -> Field:
    """Brightness by Lambert's cosine law with some ambient light."""
    slope_y, slope_x = np.gradient(height, 2 * HALF_SPAN / height.shape[0])
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=-1)
    cosine = normal @ LAMP / np.linalg.norm(normal, axis=-1) / np.linalg.norm(LAMP)
    return np.asarray(0.38 + 0.68 * np.clip(cosine, 0, 1))


def _eye(picture: Field, u: Field, v: Field, blink: float) -> None:
    """One eye in its own coordinates: from corner to corner u runs from -1 to 1."""
    arch = np.clip(1 - u**2, 0, None)
    upper_lid, lower_lid = (0.54 * blink - 0.44) * arch, 0.28 * arch
    between_corners = np.abs(u) - 1
    opened = _inked(_all_of(upper_lid - v, v - lower_lid, between_corners), 0.10)
    _paint(picture, opened, (0.90, 0.89, 0.87))
    centre = u**2 + (v + 0.06) ** 2
    _paint(picture, opened * _inked(centre - 0.17, 0.10), (0.30, 0.22, 0.15))
    _paint(picture, opened * _inked(centre - 0.035, 0.05), (0.04, 0.03, 0.03))
    _paint(picture, opened * _inked((u + 0.14) ** 2 + (v + 0.2) ** 2 - 0.008, 0.02), (1.0, 1.0, 1.0))
    _paint(picture, opened * 0.45 * _inked(v - upper_lid - 0.16, 0.2), (0.25, 0.18, 0.15))
    lashes = _all_of(np.abs(v - upper_lid + 0.03) - 0.055, between_corners)
    _paint(picture, 0.85 * _inked(lashes, 0.08), (0.12, 0.08, 0.07))
    rim = _all_of(np.abs(v - lower_lid - 0.02) - 0.03, between_corners)
    _paint(picture, 0.35 * _inked(rim, 0.08), (0.40, 0.25, 0.22))
    crease = _all_of(np.abs(v + 0.66 - 0.25 * u**2) - 0.03, between_corners)
    _paint(picture, 0.35 * _inked(crease, 0.1), (0.45, 0.30, 0.25))


def _brow(picture: Field, outward: Field, v: Field) -> None:
    """One brow in the coordinates of its eye, thinning outward."""
    line = np.abs(v + 1.22 - 0.26 * (outward - 0.15) ** 2) - 0.12 + 0.04 * outward
    _paint(picture, 0.85 * _inked(_all_of(line, np.abs(outward - 0.1) - 1.2), 0.13), HAIR)


def _mouth(picture: Field, x: Field, y: Field, pose: Pose) -> None:
    half_width = 0.235 + 0.025 * pose.spread - 0.035 * pose.opening
    u = x / half_width
    arch = np.clip(1 - u**2, 0, None)
    wave = 0.006 * np.cos(2 * np.pi * u) * (1 - pose.opening)
    gap_top = 0.515 - 0.035 * pose.opening * arch + wave
    gap_bottom = 0.521 + 0.20 * pose.opening * arch**0.6
    lip_top = gap_top - 0.068 * arch**0.7 * (1 - 0.22 * np.exp(-((u / 0.16) ** 2)))
    lip_bottom = gap_bottom + 0.088 * arch**0.6
    between_corners = (np.abs(u) - 1) * half_width
    lips = _inked(_all_of(lip_top - y, y - lip_bottom, between_corners))
    brightness = 1.02 + 0.12 * np.clip((y - gap_bottom) / 0.06, 0, 1) - 0.16 * (y < gap_top)
    _paint(picture, 0.92 * lips, _shaded(brightness, LIP))
    shine = lips * _bump(x, y, -0.03, 0.565 + 0.20 * pose.opening, 0.08, 0.014)
    _paint(picture, 0.35 * shine, (1.0, 0.85, 0.82))
    gap = _inked(_all_of(gap_top - y, y - gap_bottom, between_corners), 0.012)
    _paint(picture, gap, (0.16, 0.05, 0.05))
    parted = min(1.0, 2 * pose.opening)
    _paint(picture, 0.9 * parted * gap * _inked(y - gap_top - 0.05 * parted, 0.012), (0.88, 0.86, 0.80))
    tongue = gap * _bump(x, y, 0, 0.53 + 0.19 * pose.opening, 0.11, 0.05)
    _paint(picture, 0.7 * parted * tongue, (0.66, 0.30, 0.30))


def _fringe(picture: Field, x: Field, y: Field) -> None:
    hairline = -0.66 + 0.10 * x + 0.34 * x**2
    strands = 1 + 0.25 * np.sin(70 * x + 6 * np.sin(3 * y))
    on_head = _inked(-_depth_inside(x, 0.94 * y) - 0.12, 0.06)
    _paint(picture, _inked(y - hairline, 0.05) * on_head, _shaded(strands, HAIR))
