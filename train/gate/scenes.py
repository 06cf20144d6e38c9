"""Scenes for the judge that need more of the product: a filmed photograph, two faces, an offset."""

import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt
import torch

from ...core.arrays import Float32
from ...models.config import CUE_SIZE
from ...models.lips.landmarks import LandmarkVisualEncoder
from ...models.lips.points import POINTS, TICK_S
from ...models.lite_avse import LiteAVSEMamba
from ...models.store.registry import NO_VIDEO_AGE_S
from ...stream.lag.av_lag import AvLag, HeardSound
from ...stream.offset.watch import LEAST_MS
from ..data.landmark_corpus import read_landmarks
from .views import AUTO

if TYPE_CHECKING:
    from .judging import JudgedClip

#: Noise of a sensor, in levels of 255, and how coarse H.264 is (CRF): a webcam in a call.
_NOISE, _CRF = 3.0, 30
#: How much larger the second face is.
_BIGGER = 1.5
#: How often a scene of two people is played: clips last 3 s, and it takes 4 s to tell who is heard.
_PLAYED = 3


def filmed_photograph(film: Path) -> tuple[npt.NDArray[np.float64], Float32]:
    """The first picture of a film, filmed for as long: times and landmarks as `read_landmarks` gives them.

    Raises:
        InputError: the film is missing or unreadable, or the face model cannot be had.
    """
    # Here, not above: MediaPipe and OpenCV take a second to load.
    from ...stream.video.files import read_frames

    pictures, rng = list(read_frames(film)), np.random.default_rng(0)
    height, width = pictures[0].rgb.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.mp4"
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=Fraction(25), options={"crf": str(_CRF)})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for _ in pictures:
                noisy = pictures[0].rgb + rng.normal(0, _NOISE, (height, width, 3))
                frame = av.VideoFrame.from_ndarray(noisy.clip(0, 255).astype(np.uint8), format="rgb24")
                output.mux(stream.encode(frame))
            output.mux(stream.encode())
        return read_landmarks(path)


def chosen_face(own: Float32, other: Float32, sound: Float32) -> Float32:
    """Of the speaker and somebody larger beside them who talks as well, the face that is chosen.

    The scene has been running: it is played over and over, and what is chosen the last time counts.

    Args:
        own: landmarks ``[T, 44, 3]`` at each tick; zeros where no face was found.
        other: of somebody else, ``[any, 44, 3]``; repeated where it is shorter.
        sound: float32 ``[N]`` at 16 kHz.

    Returns:
        Landmarks ``[T, 44, 3]``; zeros where none was chosen.
    """
    from ...stream.video.lips.faces import FaceChooser

    heard, ticks = HeardSound(16_000), len(own)
    once = np.resize(sound, round(ticks * TICK_S * 16_000))
    heard.hear(np.concatenate([once] * _PLAYED))
    beside = np.array([2.0 * np.abs(own[..., 0]).max() + 1.0, 0, 0], np.float32)
    chooser, chosen = FaceChooser(heard.agreement), np.zeros_like(own)
    for tick in range(_PLAYED * ticks):
        # Half a clip apart: clips of one corpus begin alike, and nobody talks in step.
        people = [own[tick % ticks], other[(tick % ticks + len(other) // 2) % len(other)]]
        moved = [people[0], _BIGGER * people[1] + beside]
        shown = [_whole_face(face) for face, person in zip(moved, people, strict=True) if person.any()]
        face = chooser.update(shown, TICK_S * tick)
        chosen[tick % ticks] = 0.0 if face is None else face.landmarks[list(POINTS)]
    return chosen


@torch.no_grad()
def residual_ticks(net: LiteAVSEMamba, clips: Sequence["JudgedClip"]) -> Mapping[str, int]:
    """How late lips still are, in ticks, when ``--av-offset auto`` has heard a speaker's clips in a row.

    Args:
        net: whose cues are compared with the sound.
        clips: of one speaker with one kind of sound.
    """
    assert isinstance(net.visual, LandmarkVisualEncoder)
    left = {}
    for condition, late in AUTO.items():
        lag, start = AvLag(net.config.stft.sample_rate), 0
        for clip in clips:
            ticks = len(clip.landmarks)
            there = torch.from_numpy(clip.landmarks.any(axis=(1, 2)))
            age_s = torch.where(there, 0.0, NO_VIDEO_AGE_S)
            cues, _ = net.visual(torch.from_numpy(clip.landmarks)[None], age_s[None])
            for tick in np.flatnonzero(there):
                lag.see(TICK_S * float(start + tick + late), cues[0, tick].numpy()[:CUE_SIZE])
            lag.hear(np.resize(clip.noisy, round(ticks * TICK_S * net.config.stft.sample_rate)))
            start += ticks
        estimate = lag.estimate()
        found = estimate.trusted and abs(1000 * estimate.offset_s) > LEAST_MS
        left[condition] = late - (round(estimate.offset_s / TICK_S) if found else 0)
    return left


def _whole_face(landmarks: Float32) -> Float32:
    """The 44 points where MediaPipe has them among 478; NaN elsewhere."""
    face = np.full((478, 3), np.nan, np.float32)
    face[list(POINTS)] = landmarks
    return face
