"""Cues without video: what encoder C would say of the speaker of any clean speech, right or misleading.

An enhancer that is to use cues from lips need not see lips while it learns: `train.cue.errors` knows how cues
err, and here each is drawn with its troubles, and with a label that says whether it may be trusted.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...errors import InputError
from ...models.lips.points import TICK_S
from ..cue.errors import CueErrors
from ..cue.levels import TICK_SAMPLES, true_cue
from .degrade import hold

#: What can be the matter with a cue.
CueKind = Literal["right", "wrong", "late", "still", "dropped", "absent"]
KINDS: tuple[CueKind, ...] = get_args(CueKind)
#: Kinds of which the speech that is meant can be told.
TRUSTED = ("right", "dropped")


@dataclass(frozen=True)
class CueConfig:
    """How cues are drawn.

    Attributes:
        weights: of `KINDS`: right; of somebody else; late; of a face that does not move; with gaps; none.
        delay_ticks: a cue that may be trusted is late by 0 to so many ticks of 40 ms.
        late_s: least and most that a late cue is late, in seconds.
        gap_s: least and most length of a gap, in seconds.
        gaps: most gaps in a mixture.
    """

    weights: tuple[float, ...] = (0.55, 0.14, 0.10, 0.06, 0.05, 0.10)
    delay_ticks: int = 1
    late_s: tuple[float, float] = (0.16, 0.6)
    gap_s: tuple[float, float] = (0.08, 1.2)
    gaps: int = 3

    def __post_init__(self) -> None:
        if len(self.weights) != len(KINDS) or min(self.weights) < 0 or sum(self.weights) == 0:
            raise InputError(f"cues: weights needs {len(KINDS)} numbers of at least 0, not all 0")
        if self.delay_ticks < 0 or self.gaps < 1:
            raise InputError("cues: delay_ticks must be at least 0, gaps at least 1")
        for name in ("late_s", "gap_s"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise InputError(
                    f"cues: {name} must be two numbers above 0, from low to high, not {low}, {high}"
                )


class RealCues(NamedTuple):
    """Cues of real faces, float32 ``[ticks, 10]``: of the one who is meant, and of somebody else."""

    own: Float32
    other: Float32


class CueView(NamedTuple):
    """A cue as the enhancer gets it.

    Attributes:
        cue: float32 ``[ticks, 10]``, five means and five log variances, see `LandmarkVisualEncoder`.
        newest: int64 ``[T]``, for each audio frame the newest tick; 0 where there is none.
        age_s: float32 ``[T]``, how old it is; `NO_VIDEO_AGE_S` where there is none.
        trust: 1.0 where the cue tells of the speech that is meant, else 0.0.
        kind: what is the matter with it.
    """

    cue: Float32
    newest: npt.NDArray[np.int64]
    age_s: Float32
    trust: float
    kind: CueKind


def draw_cue(
    clean: Float32,
    other: Float32,
    frames: int,
    frame_s: float,
    errors: CueErrors,
    config: CueConfig,
    rng: np.random.Generator,
    real: RealCues | None = None,
) -> CueView:
    """Draw the cue of a mixture.

    Args:
        clean: speech that is meant, float32 ``[N]`` at 16 kHz, some seconds long.
        other: as much speech of somebody else, or of the same speaker at another time.
        frames: number of audio frames.
        frame_s: seconds from one to the next.
        errors: how cues err.
        config: what is the matter how often.
        rng: drives it.
        real: what is seen of the two, where there are faces; None for cues that are simulated.
    """
    weights = np.array(config.weights)
    kind = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
    return make_cue(kind, clean, other, frames, frame_s, errors, config, rng, real)


def make_cue(
    kind: CueKind,
    clean: Float32,
    other: Float32,
    frames: int,
    frame_s: float,
    errors: CueErrors,
    config: CueConfig,
    rng: np.random.Generator,
    real: RealCues | None = None,
) -> CueView:
    """A cue of one kind; otherwise as `draw_cue`."""
    ticks = len(clean) // TICK_SAMPLES
    if kind == "late":
        delay = max(round(rng.uniform(*config.late_s) / TICK_S), 1)
    else:
        delay = int(rng.integers(0, config.delay_ticks + 1))
    if kind == "still":
        said = errors.still(ticks, rng)
    elif real is not None:
        said = _later(real.other if kind == "wrong" else real.own, delay)
    else:
        said = errors.simulate(_later(true_cue(other if kind == "wrong" else clean), delay), rng)
    usable = np.full(ticks, kind != "absent")
    if kind == "dropped":
        for _ in range(int(rng.integers(1, config.gaps + 1))):
            length = max(round(rng.uniform(*config.gap_s) / TICK_S), 1)
            start = int(rng.integers(0, ticks))
            usable[start : start + length] = False
    newest, age_s = hold(TICK_S * np.arange(ticks, dtype=np.float64), usable, frames, frame_s)
    return CueView(said, newest, age_s, float(kind in TRUSTED), kind)


def _later(course: Float32, ticks: int) -> Float32:
    """The same, so much later; before it begins it is as at its start."""
    return course[(np.arange(len(course)) - ticks).clip(0)]
