"""How good cues are: correlation with the true levels, and likelihood, on speakers nobody trained on."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ...core.arrays import Float32
from ...errors import InputError
from ...models.lips.landmarks import CUE_UNIT_DB, LEVELS, LandmarkVisualEncoder
from ..data.landmark_corpus import LandmarkClip, read_landmarks
from ..data.recordings import read_audio
from .levels import TICK_SAMPLES
from .training import CueRecipe, Report, train_cue
from .views import Example, View, draw_view, plain_view

#: Of the levels of a cue.
LEVEL_NAMES = ("100-700", "700-1800", "1800-3500", "3500-7500", "all")


class Prediction(NamedTuple):
    """A cue beside the truth: ``mean``, ``log_variance`` and ``truth``, float32 ``[T, 5]`` each."""

    speaker: str
    mean: Float32
    log_variance: Float32
    truth: Float32


@torch.no_grad()
def predict(
    encoder: LandmarkVisualEncoder, example: Example, view: View | None = None, running: bool = True
) -> Prediction:
    """The cue of a clip.

    Args:
        encoder: gives it.
        example: the clip.
        view: of a batch of one; None for a steady camera.
        running: the stream has run before, with the clip backwards; else the clip is its start. Clips of one
            corpus begin and end alike, and a stream that begins with them tells where in the clip it is.
    """
    seen = plain_view(torch.from_numpy(example.landmarks)[None]) if view is None else view
    state = None
    if running:
        _, state = encoder(seen.landmarks.flip(1), seen.age_s.clamp(max=0.04))
    cue, _ = encoder(seen.landmarks, seen.age_s, state)
    mean, log_variance = cue[0].split(LEVELS, dim=-1)
    return Prediction(example.speaker, mean.numpy(), log_variance.numpy(), example.cue)


class HeldOut(NamedTuple):
    """Cues of clips by encoders that were trained on other speakers.

    Attributes:
        steady: each clip as a steady camera sees it, in a stream that has run before.
        sounds: of those clips, float32 at 16 kHz.
        begun: a part of the clips, as the start of a stream.
        varied: that part turned, trembling, late and so on, as in training.
        still: that part, the first frame of each all the time.
    """

    steady: tuple[Prediction, ...]
    sounds: tuple[Float32, ...]
    begun: tuple[Prediction, ...]
    varied: tuple[Prediction, ...]
    still: tuple[Prediction, ...]

    def describe_still(self) -> str:
        """Size of the means and of the spread that is told, after the first second, in dB."""
        means, logarithms = (
            np.concatenate([part[25:] for part in parts])
            for parts in list(zip(*self.still, strict=True))[1:3]
        )
        size_db = CUE_UNIT_DB * np.sqrt(np.mean(means**2, axis=0))
        spread_db = CUE_UNIT_DB * np.sqrt(np.exp(logarithms).mean(0))
        return f"RMS of the mean {np.round(size_db, 1)} dB, spread that is told {np.round(spread_db, 1)} dB"


def hold_out(
    examples: Sequence[Example], recipe: CueRecipe, folds: int, report: Report | None = None
) -> HeldOut:
    """Train without each group of speakers once, and take the cues of its clips.

    Args:
        examples: of at least two speakers.
        recipe: of each training.
        folds: groups into which the speakers are put.

    Raises:
        InputError: fewer speakers than folds, or fewer than two folds.
    """
    speakers = sorted({example.speaker for example in examples})
    if not 2 <= folds <= len(speakers):
        raise InputError(f"folds must be from 2 to the number of speakers, {len(speakers)}, not {folds}")
    rng = np.random.default_rng(recipe.seed)
    steady: list[Prediction] = []
    sounds: list[Float32] = []
    begun: list[Prediction] = []
    varied: list[Prediction] = []
    still: list[Prediction] = []
    for fold in range(folds):
        held_out = set(speakers[fold::folds])
        encoder = train_cue([clip for clip in examples if clip.speaker not in held_out], recipe, report)
        for number, example in enumerate(clip for clip in examples if clip.speaker in held_out):
            steady.append(predict(encoder, example))
            sounds.append(example.sound)
            landmarks = torch.from_numpy(example.landmarks)[None]
            if number % 3 == 0:
                begun.append(predict(encoder, example, running=False))
                varied.append(predict(encoder, example, draw_view(landmarks, recipe.views, rng)))
                frozen = landmarks[:, :1].expand_as(landmarks)
                still.append(predict(encoder, example, plain_view(frozen)))
    return HeldOut(tuple(steady), tuple(sounds), tuple(begun), tuple(varied), tuple(still))


@dataclass(frozen=True)
class CueScores:
    """Means over speakers, of each level.

    Attributes:
        correlation: of mean and truth, all clips of a speaker in a row.
        within: the same once what is common to all clips at each tick is taken out of both: what lips tell
            beyond where in a clip of this corpus somebody speaks.
        clock: correlation of the truth with that common course alone, which knows no lips.
        likelihood: gain of log likelihood, in nats a tick, over a Gaussian that knows mean and variance of
            the speaker's levels.
        calibration: mean of squared errors by the variance that was told: 1 is right, more is too sure.
        speakers: correlation of "all", by speaker.
    """

    correlation: tuple[float, ...]
    within: tuple[float, ...]
    clock: tuple[float, ...]
    likelihood: tuple[float, ...]
    calibration: tuple[float, ...]
    speakers: dict[str, float]

    def text(self) -> str:
        """A table."""
        rows = [f"{'level':>12} {'r':>7} {'within':>7} {'clock':>7} {'nats':>7} {'z^2':>7}"]
        for name, *numbers in zip(
            LEVEL_NAMES,
            self.correlation,
            self.within,
            self.clock,
            self.likelihood,
            self.calibration,
            strict=True,
        ):
            rows.append(f"{name:>12} " + " ".join(f"{number:7.3f}" for number in numbers))
        rows.append("r of all by speaker: " + ", ".join(f"{k} {v:.2f}" for k, v in self.speakers.items()))
        return "\n".join(rows)


def score(predictions: Iterable[Prediction]) -> CueScores:
    """Judge cues.

    Raises:
        InputError: there are none.
    """
    clips = list(predictions)
    if not clips:
        raise InputError("no cues to judge: the data hold no talking faces")
    common = [_common([part[row] for part in (clip[1:] for clip in clips)]) for row in (0, 2)]
    by_speaker: dict[str, list[Prediction]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    rows = []
    for own in by_speaker.values():
        mean, logarithm, truth = (np.concatenate(part) for part in list(zip(*own, strict=True))[1:])
        said, heard = (np.concatenate([course[: len(clip.truth)] for clip in own]) for course in common)
        error = (truth - mean) ** 2 / np.exp(logarithm)
        told = 0.5 * (error + logarithm).mean(0)
        known = 0.5 * (1.0 + np.log(truth.var(0)))
        beyond = _correlation(mean - said, truth - heard)
        r, by_clock = _correlation(mean, truth), _correlation(heard, truth)
        rows.append((r, beyond, by_clock, known - told, error.mean(0)))
    correlation, within, clock, likelihood, calibration = (
        tuple(np.mean(part, axis=0).tolist()) for part in zip(*rows, strict=True)
    )
    speakers = {name: float(row[0][-1]) for name, row in zip(by_speaker, rows, strict=True)}
    return CueScores(correlation, within, clock, likelihood, calibration, dict(sorted(speakers.items())))


def _common(courses: Sequence[Float32]) -> Float32:
    """The mean over clips at each tick."""
    total = np.zeros((max(len(course) for course in courses), LEVELS), np.float32)
    count = np.zeros((len(total), 1), np.float32)
    for course in courses:
        total[: len(course)] += course
        count[: len(course)] += 1
    return total / count


def _correlation(first: Float32, second: Float32) -> Float32:
    """Of each level."""
    first, second = first - first.mean(0), second - second.mean(0)
    power = np.sqrt((first**2).sum(0) * (second**2).sum(0)) + 1e-9
    return np.asarray((first * second).sum(0) / power, np.float32)


def read_test_rows(data: Path) -> list[dict[str, str]]:
    """The table ``test/av.csv`` of a data folder: a row for each clip and condition.

    Raises:
        InputError: it is missing.
    """
    table = data / "test" / "av.csv"
    if not table.is_file():
        raise InputError(f"{table} is missing: give the data folder that holds it")
    with table.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def read_test_clips(data: Path) -> tuple[tuple[LandmarkClip, bool], ...]:
    """Clips of ``test/av.csv`` in a data folder with tables, and whether the speaker is in its training set.

    Raises:
        InputError: the table or a clip is missing.
    """
    rows, folder = {row["id"]: row for row in read_test_rows(data)}, data / "test" / "av"
    clips = []
    for name, row in rows.items():
        times_s, landmarks = read_landmarks(folder / f"{name}.mp4")
        sound = read_audio(folder / f"{name}.{row['condition']}.clean.flac")
        clips.append(
            (LandmarkClip(row["speaker"], landmarks, times_s, sound), row["kind"].startswith("seen"))
        )
    return tuple(clips)


def save_predictions(predictions: Sequence[Prediction], sounds: Sequence[Float32], path: Path) -> None:
    """Write cues beside the truth as an ``.npz``, float16, one row of 15 numbers a tick, and their sound.

    Args:
        predictions: of clips.
        sounds: of each clip, float32 at 16 kHz, in [-1, 1); what is longer than its cue is left out.
        path: the file to write.

    Raises:
        InputError: the file cannot be written.
    """
    table = np.concatenate([np.concatenate(prediction[1:], axis=1) for prediction in predictions])
    heard = [sound[: len(clip.truth) * TICK_SAMPLES] for clip, sound in zip(predictions, sounds, strict=True)]
    try:
        np.savez_compressed(
            path,
            table=table.astype(np.float16),
            sound=np.round(32767.0 * np.concatenate(heard).clip(-1.0, 1.0)).astype(np.int16),
            lengths=np.array([len(prediction.truth) for prediction in predictions]),
            speakers=np.array([prediction.speaker for prediction in predictions]),
        )
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error}") from error


def load_predictions(path: Path) -> tuple[Prediction, ...]:
    """What `save_predictions` wrote.

    Raises:
        InputError: no such file, or another kind of file.
    """
    try:
        with np.load(path) as stored:
            table, lengths = stored["table"].astype(np.float32), stored["lengths"]
            speakers = stored["speakers"].tolist()
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} holds no cues: make it with lipstream cue evaluate") from error
    parts = np.split(table, np.cumsum(lengths)[:-1])
    return tuple(
        Prediction(speaker, *np.split(part, 3, axis=1)) for speaker, part in zip(speakers, parts, strict=True)
    )


def load_sounds(path: Path) -> tuple[Float32, ...]:
    """The sound of each clip that `save_predictions` wrote, float32 ``[640 T]`` at 16 kHz.

    Raises:
        InputError: no such file, or another kind of file.
    """
    try:
        with np.load(path) as stored:
            sound, lengths = stored["sound"].astype(np.float32) / 32768.0, stored["lengths"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} holds no cues with sound: make it with lipstream cue evaluate") from error
    return tuple(np.split(sound, np.cumsum(lengths)[:-1] * TICK_SAMPLES))
