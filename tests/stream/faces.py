"""Landmarks of made-up faces, for tests of what carries them."""

import numpy as np

from lipstream.core.arrays import Float32
from lipstream.models.lips.points import POINTS

#: Pixels between the eyes.
EYES = 60.0
_PLACES = {1: (30.0, 30.0), 33: (0.0, 0.0), 263: (EYES, 0.0)}


def face(mark: float = 0.0) -> Float32:
    """Landmarks float32 ``[44, 3]`` whose first coordinate is ``mark``: 5 apart, two faces have moved."""
    points = np.zeros((len(POINTS), 3), np.float32)
    points[:, :2] = [_PLACES.get(point, (30.0, 50.0)) for point in POINTS]
    points[0, 0] = mark
    return points
