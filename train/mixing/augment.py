"""Other faces and voices out of the few there are: the network shall learn what lips say, not who speaks.

A clip keeps one look from its first video frame to its last; audio and video change their tempo together.
"""

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..data.video_corpus import FaceClip, UInt8
from .effects import faster, random_tempo

#: Of red, green and blue in the brightness of an image (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class AugmentConfig:
    """How far a clip may be varied; 0 leaves it as it was recorded. All but ``mirror`` are widest deviations.

    Attributes:
        mirror: probability that left and right change places.
        turn_deg: the head leans, in degrees.
        zoom, shift: the mouth is larger or smaller, or stands elsewhere, as fractions of its size and of the
            video frame's.
        colour: saturation, white balance, contrast and gamma, from 0 to 1.
        tempo: the speaker is slower and deeper, or faster and higher, as a fraction.

    Raises:
        InputError: a value out of its range.
    """

    mirror: float = 0.0
    turn_deg: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    colour: float = 0.0
    tempo: float = 0.0

    def __post_init__(self) -> None:
        if min(getattr(self, field.name) for field in fields(self)) < 0.0:
            raise InputError("the values of video.augment must not be negative")
        if max(self.mirror, self.colour) > 1.0:
            raise InputError("video.augment.mirror and video.augment.colour must be at most 1")
        if self.turn_deg > 45.0 or max(self.zoom, self.shift, self.tempo) > 0.5:
            raise InputError(
                "video.augment.turn_deg must be at most 45, its zoom, shift and tempo at most 0.5"
            )


def vary(clip: FaceClip, config: AugmentConfig, rng: np.random.Generator) -> FaceClip:
    """The clip of somebody who looks and sounds different, and says the same."""
    if config == AugmentConfig():
        return clip
    tempo = random_tempo(config.tempo, rng)
    times_s, sound = clip.times_s / tempo, faster(clip.sound, tempo)
    return replace(clip, crops=vary_look(clip.crops, config, rng), times_s=times_s, sound=sound)


def vary_look(crops: UInt8, config: AugmentConfig, rng: np.random.Generator) -> UInt8:
    """The video alone, uint8 ``[N, S, S, 3]``."""
    if config == AugmentConfig():
        return crops
    return _recoloured(_moved(crops, config, rng), config.colour, rng)


def vary_voice(sound: Float32, config: AugmentConfig, rng: np.random.Generator) -> Float32:
    """The audio alone at another tempo, ``[N] -> [N / tempo]``."""
    return sound if config.tempo == 0.0 else faster(sound, random_tempo(config.tempo, rng))


def _moved(crops: UInt8, config: AugmentConfig, rng: np.random.Generator) -> UInt8:
    """The video frames ``[N, S, S, 3]`` turned, zoomed, shifted and mirrored, all alike."""
    size = crops.shape[1]
    centre = (size - 1) / 2
    turn, shift = config.turn_deg * rng.uniform(-1, 1), config.shift * size * rng.uniform(-1, 1, 2)
    zoom = (1.0 + config.zoom) ** rng.uniform(-1, 1)
    matrix = cv2.getRotationMatrix2D((centre, centre), turn, zoom)
    matrix[:, 2] += shift
    if rng.random() < config.mirror:
        matrix[0] = -matrix[0]
        matrix[0, 2] += size - 1
    return np.stack(
        [cv2.warpAffine(crop, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE) for crop in crops]
    ).astype(np.uint8)


def _recoloured(crops: UInt8, strength: float, rng: np.random.Generator) -> UInt8:
    """The video frames ``[N, S, S, 3]`` under another light and through another camera, all alike."""
    saturation = 1.0 - strength * rng.uniform(-0.3, 1.0)
    balance = 1.0 + 0.25 * strength * rng.uniform(-1, 1, 3)
    contrast, gamma = 2.0 ** (strength * rng.uniform(-0.7, 0.7, 2))
    mixing = balance[:, None] * (saturation * np.eye(3) + (1.0 - saturation) * np.array([_LUMA]))
    mixed = cv2.transform(crops.reshape(-1, 1, 3), mixing).reshape(crops.shape)
    tone = np.clip((np.linspace(0, 1, 256) ** gamma - 0.5) * contrast + 0.5, 0, 1)
    return np.asarray(np.rint(tone * 255), np.uint8)[mixed]
