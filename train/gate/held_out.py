"""Cues of real faces: what encoders that had not met a speaker said of them, beside the sound of their clips.

Simulated cues err as real ones do on average. These err where lips are ambiguous, as simulation cannot.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..cue.evaluation import Prediction, load_predictions, load_sounds
from ..cue.levels import TICK_SAMPLES

#: Least and most length of a part of a clip, in ticks.
_SHORTEST, _LONGEST = 12, 60
#: Samples over which a part fades in and out.
_FADE = 160


class Spoken(NamedTuple):
    """Speech of one person, float32 ``[N]`` at 16 kHz, and the cue of their face, ``[N // 640, 10]``."""

    speaker: str
    sound: Float32
    cue: Float32


class HeldOutCues:
    """Draws speech with real cues.

    Args:
        clips: of at least two speakers.

    Raises:
        InputError: clips of fewer.
    """

    def __init__(self, clips: Sequence[Spoken]) -> None:
        self._clips = defaultdict[str, list[Spoken]](list)
        for clip in clips:
            self._clips[clip.speaker].append(clip)
        if len(self._clips) < 2:
            raise InputError("real cues need clips of at least two speakers: one of them is the wrong person")

    def draw(self, ticks: int, rng: np.random.Generator, avoid: str = "") -> Spoken:
        """So many ticks of one speaker, put together from parts of clips.

        A part begins at a random place of a clip: in this corpus all clips are silence, one sentence,
        silence, and nobody is to learn when in a clip somebody speaks.
        """
        speakers = [speaker for speaker in self._clips if speaker != avoid]
        speaker = speakers[int(rng.integers(len(speakers)))]
        clips, sounds, cues, left = self._clips[speaker], list[Float32](), list[Float32](), ticks
        while left > 0:
            clip = clips[int(rng.integers(len(clips)))]
            length = min(int(rng.integers(_SHORTEST, _LONGEST + 1)), left, len(clip.cue))
            first = int(rng.integers(len(clip.cue) - length + 1))
            sounds.append(_faded(clip.sound[first * TICK_SAMPLES : (first + length) * TICK_SAMPLES]))
            cues.append(clip.cue[first : first + length])
            left -= length
        return Spoken(speaker, np.concatenate(sounds), np.concatenate(cues))


def read_held_out(path: Path, leave_out: Sequence[str] = ()) -> HeldOutCues:
    """What ``lipstream cue evaluate --out`` wrote, without some speakers.

    Raises:
        InputError: no such file, another kind of file, or too few speakers.
    """
    pairs = zip(load_predictions(path), load_sounds(path), strict=True)
    return HeldOutCues([_spoken(clip, sound) for clip, sound in pairs if clip.speaker not in leave_out])


def _spoken(clip: Prediction, sound: Float32) -> Spoken:
    return Spoken(clip.speaker, sound, np.concatenate([clip.mean, clip.log_variance], axis=1))


def _faded(sound: Float32) -> Float32:
    ramp = np.linspace(0.0, 1.0, _FADE, dtype=np.float32)
    faded = sound.copy()
    faded[:_FADE] *= ramp
    faded[-_FADE:] *= ramp[::-1]
    return faded
