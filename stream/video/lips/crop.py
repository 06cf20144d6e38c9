"""The geometry of the lip crop: where the mouth is, how large, how tilted, and the 96x96 pixels of it.

Scale and tilt come from points that do not move with speech (outer eye corners, nose tip), so the crop does
not breathe with the mouth; the place comes from the mouth corners. A One-Euro filter keeps both from
jittering without lagging behind a moving head: G. Casiez, N. Roussel, D. Vogel, "1 Euro filter: a simple
speed-based low-pass filter for noisy input in interactive systems", CHI 2012.

A point (x, y) of the image is the complex number x + iy throughout: a similarity transform is then a product
and a sum, and its scale and tilt are one number without the wrap-around that an angle has.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..opencv import cv2

#: Side of the crop in pixels.
CROP_SIZE = 96

LEFT_EYE, RIGHT_EYE, NOSE_TIP = 33, 263, 1  # "left" as seen in the image
LEFT_CORNER, RIGHT_CORNER = 61, 291

#: The stable points of an upright, frontal face: the distance of the outer eye corners is 1, their middle 0.
_STABLE_POINTS = (LEFT_EYE, RIGHT_EYE, NOSE_TIP)
_STABLE_FACE = np.array([-0.5, 0.5, 0.47j])
_CENTRED_FACE = _STABLE_FACE - _STABLE_FACE.mean()

#: Distance of the outer eye corners in pixels of the crop. A mouth is about 0.58 as wide: 45 % of the crop.
EYE_DISTANCE = 74.0
#: Eye distance in the image (pixels) below which the mouth is too small to read: no crop.
MIN_EYE_DISTANCE = 16.0


class Placement(NamedTuple):
    """Where the crop lies in an image: pixel u of the crop, from its centre, is pixel ``centre + axis * u``.

    ``abs(axis)`` is the number of image pixels for one pixel of the crop, its angle the tilt of the head.
    """

    centre: complex
    axis: complex


#: One-Euro filter, in Hz: cut-off of the low-pass for a still head; its rise for each crop pixel a second
#: that the face moves; cut-off of the low-pass for the speed itself.
MIN_CUTOFF_HZ, SPEED_GAIN, SPEED_CUTOFF_HZ = 1.5, 0.06, 2.0
#: A face lost for longer, in seconds, is a new one: the smoothing starts afresh.
MAX_GAP_S = 0.5


class LipCropper:
    """Cuts the lips out of the frames of one video, in order. Causal: a crop depends on no later frame."""

    def __init__(self) -> None:
        self._last: _Smoothed | None = None

    def reset(self) -> None:
        """Forget the face: the next frame is the first of a new video."""
        self._last = None

    def update(
        self, rgb: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float32] | None, time_s: float
    ) -> npt.NDArray[np.uint8] | None:
        """Crop the next frame.

        Args:
            rgb: uint8 ``[height, width, 3]``.
            landmarks: float32 ``[478, 2]`` in pixels, or with depth, of `FaceLandmarks`; None: no face.
            time_s: when the frame was captured, in seconds.

        Returns:
            uint8 ``[96, 96, 3]`` RGB, or None where no mouth of usable size lies in the image.
        """
        placement = None if landmarks is None else mouth_placement(rgb, landmarks)
        if placement is None:
            return None
        last = self._last
        if last is None or not 0 < time_s - last.time_s <= MAX_GAP_S:
            last = _Smoothed(placement, 0j, 0j, time_s)
            self._last = last
        else:
            self._last = _smooth(last, placement, time_s)
        return cut(rgb, self._last.placement)


def mouth_placement(rgb: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float32]) -> Placement | None:
    """As `place_crop`; None also where the mouth lies outside of the image."""
    placement = place_crop(landmarks)
    return placement if placement is not None and _inside(placement.centre, rgb) else None


def place_crop(landmarks: npt.NDArray[np.float32]) -> Placement | None:
    """Where the lips of one frame are, unsmoothed; None: the face is too small or its points are not finite.

    The axis is the least-squares similarity from the canonical face z to the image w, both centred complex
    numbers: ``sum(conj(z) w) / sum(|z|^2)`` (S. Umeyama, IEEE TPAMI 13(4), 1991, in two dimensions).
    """
    points = landmarks[:, :2].astype(np.float64) @ np.array([1, 1j])
    stable = points[list(_STABLE_POINTS)]
    face_axis = np.vdot(_CENTRED_FACE, stable - stable.mean()) / np.vdot(_CENTRED_FACE, _CENTRED_FACE).real
    centre = (points[LEFT_CORNER] + points[RIGHT_CORNER]) / 2
    # Written so that a NaN fails it too.
    if not (abs(face_axis) >= MIN_EYE_DISTANCE and math.isfinite(abs(face_axis)) and np.isfinite(centre)):
        return None
    return Placement(complex(centre), complex(face_axis) / EYE_DISTANCE)


def cut(rgb: npt.NDArray[np.uint8], placement: Placement) -> npt.NDArray[np.uint8]:
    """The crop at a placement, uint8 ``[96, 96, 3]``; beyond the border of the image its edge repeats."""
    rgb, (centre, axis) = _shrink(rgb, placement)
    corner = centre - axis * complex(CROP_SIZE - 1, CROP_SIZE - 1) / 2
    crop = cv2.warpAffine(
        rgb,
        np.array([[axis.real, -axis.imag, corner.real], [axis.imag, axis.real, corner.imag]]),
        (CROP_SIZE, CROP_SIZE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, dtype=np.uint8)


def _shrink(rgb: npt.NDArray[np.uint8], placement: Placement) -> tuple[npt.NDArray[np.uint8], Placement]:
    """Average a face that is larger than the crop down to about its size: bilinear sampling alone aliases.

    Only the pixels around the mouth that can appear in the crop are kept, in whole squares of pixels.
    """
    height, width = rgb.shape[:2]
    factor = min(round(abs(placement.axis)), height, width)
    if factor < 2:
        return rgb, placement
    reach = abs(placement.axis) * CROP_SIZE / math.sqrt(2) + factor
    left, top = (max(math.floor(x - reach), 0) for x in (placement.centre.real, placement.centre.imag))
    columns = (min(math.ceil(placement.centre.real + reach), width) - left) // factor
    rows = (min(math.ceil(placement.centre.imag + reach), height) - top) // factor
    around = rgb[top : top + rows * factor, left : left + columns * factor]
    small = cv2.resize(around, (columns, rows), interpolation=cv2.INTER_AREA)
    half_pixel = 0.5 + 0.5j  # the middle of the first pixel, before and after
    centre = (placement.centre - complex(left, top) + half_pixel) / factor - half_pixel
    return np.asarray(small, dtype=np.uint8), Placement(centre, placement.axis / factor)


class _Smoothed(NamedTuple):
    """State of the One-Euro filter: the smoothed placement, its smoothed change per second, and its time."""

    placement: Placement
    centre_speed: complex
    axis_speed: complex
    time_s: float


def _smooth(last: _Smoothed, new: Placement, time_s: float) -> _Smoothed:
    elapsed = time_s - last.time_s
    follow = _ema_weight(SPEED_CUTOFF_HZ, elapsed)
    centre_speed = last.centre_speed + follow * (
        (new.centre - last.placement.centre) / elapsed - last.centre_speed
    )
    axis_speed = last.axis_speed + follow * ((new.axis - last.placement.axis) / elapsed - last.axis_speed)
    # Both speeds as crop pixels a second: of the centre, and of the middle of an edge about the centre.
    image_pixels = abs(last.placement.axis)
    moving = abs(centre_speed) / image_pixels
    turning = abs(axis_speed) / image_pixels * CROP_SIZE / 2
    centre_weight = _ema_weight(MIN_CUTOFF_HZ + SPEED_GAIN * moving, elapsed)
    axis_weight = _ema_weight(MIN_CUTOFF_HZ + SPEED_GAIN * turning, elapsed)
    placement = Placement(
        last.placement.centre + centre_weight * (new.centre - last.placement.centre),
        last.placement.axis + axis_weight * (new.axis - last.placement.axis),
    )
    return _Smoothed(placement, centre_speed, axis_speed, time_s)


def _ema_weight(cutoff_hz: float, elapsed_s: float) -> float:
    """Weight of the new value in a first-order low-pass, for any spacing of the frames."""
    return 1 - math.exp(-2 * math.pi * cutoff_hz * elapsed_s)


def _inside(point: complex, rgb: npt.NDArray[np.uint8]) -> bool:
    height, width = rgb.shape[:2]
    return 0 <= point.real < width and 0 <= point.imag < height
