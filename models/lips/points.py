"""Which points of a face the landmark encoder sees, and how often: known without torch."""

#: Seconds from one tick of the encoder to the next.
TICK_S = 0.04
#: After so long without a new video frame the encoder takes the face for another one, and begins anew.
FORGET_S = 1.0
_LIPS = (
    *(0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181, 185, 191),
    *(267, 269, 270, 291, 308, 310, 311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415),
)
#: Points of MediaPipe's face mesh that the encoder sees: 40 of the lips, chin, nose tip, outer eye corners.
POINTS = (*_LIPS, 152, 1, 33, 263)
#: Where each point is found in a mirrored face.
_TWINS = {37: 267, 39: 269, 40: 270, 61: 291, 78: 308, 80: 310, 81: 311, 82: 312, 84: 314, 87: 317, 88: 318}
_TWINS |= {91: 321, 95: 324, 146: 375, 178: 402, 181: 405, 185: 409, 191: 415, 33: 263}
_TWINS |= {right: left for left, right in _TWINS.items()}
MIRRORED = tuple(POINTS.index(_TWINS.get(point, point)) for point in POINTS)
