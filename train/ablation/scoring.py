"""What trained fusions make of talking faces that they have not met: the clips of ``test/av.csv``."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ...bench.metrics import score
from ...core.arrays import Float32
from ...errors import InputError
from ...models.lips.landmarks import LandmarkVisualEncoder
from ...models.lips.points import TICK_S
from ..cue.evaluation import read_test_rows
from ..cue.views import example_of
from ..data.landmark_corpus import LandmarkClip, read_landmarks
from ..data.recordings import SAMPLE_RATE, read_audio
from ..gate.views import People, as_counted, seen_as
from ..mixing.cue_mixtures import CueBatch
from ..mixing.degrade import hold
from ..run.estimator import StreamingEstimator

#: Whose lips are to be seen, in the words of `gate.views`.
LIPS = ("right", "wrong person")


class Item(NamedTuple):
    """A talking face with something else to be heard.

    Attributes:
        name: of clip and sound, unique.
        speaker: whose face.
        stranger: whether encoder C has never met them.
        sound: what else is heard: "talker" or "noise".
        noisy, clean: float32 ``[N]`` at 16 kHz.
        landmarks: float32 ``[ticks, 44, 3]``; zeros where no face was found.
    """

    name: str
    speaker: str
    stranger: bool
    sound: str
    noisy: Float32
    clean: Float32
    landmarks: Float32


class Scored(NamedTuple):
    """A model on an item with one kind of lips: scores by the names of `METRICS`, and mean alpha."""

    scores: Mapping[str, float]
    alpha: float


#: By kind of lips and name of the model, in the order of the items.
Verdicts = dict[str, dict[str, list[Scored]]]


def read_items(data: Path) -> tuple[Item, ...]:
    """The clips of ``test/av.csv`` in a data folder (about 1.5 s for 3 s of film).

    Raises:
        InputError: the table, a recording or a film is missing or unreadable; or all show one speaker.
    """
    folder, faces, items = data / "test" / "av", dict[str, Float32](), list[Item]()
    for row in read_test_rows(data):
        name, sound = row["id"], row["condition"]
        noisy, clean = (read_audio(folder / f"{name}.{sound}.{kind}.flac") for kind in ("noisy", "clean"))
        if name not in faces:
            times_s, landmarks = read_landmarks(folder / f"{name}.mp4")
            faces[name] = example_of(LandmarkClip(row["speaker"], landmarks, times_s, clean)).landmarks
        stranger = not row["kind"].startswith("seen")
        items.append(Item(f"{name}.{sound}", row["speaker"], stranger, sound, noisy, clean, faces[name]))
    if len({item.speaker for item in items}) < 2:
        raise InputError(f"{data / 'test' / 'av.csv'} shows one speaker: nobody could be the wrong person")
    return tuple(items)


@torch.no_grad()
def score_models(
    models: Mapping[str, StreamingEstimator],
    sound_alone: str,
    items: Sequence[Item],
    progress: Callable[[float, float], None],
) -> Verdicts:
    """Score models on items, with the right lips and with another person's.

    Args:
        models: of one encoder C and one hop, in eval mode, by name.
        sound_alone: the one that is given no lips.
        items: of at least two speakers.
        progress: is told how many items are done, and of how many.

    Returns:
        Scores over what all models give: one that looks ahead leaves out the last frames.
    """
    verdicts: Verdicts = {lips: {name: [] for name in models} for lips in LIPS}
    for number, item in enumerate(items):
        others = [other for other in items if other.speaker != item.speaker]
        # Any other; neighbours in the table are alike.
        people = _people(item, others[7 * number % len(others)])
        for lips in LIPS:
            made = {
                name: _enhance(model, item, None if name == sound_alone else (lips, people))
                for name, model in models.items()
            }
            least = min(len(wave) for wave, _ in made.values())
            for name, (wave, alpha) in made.items():
                scores = score(item.clean[:least], wave[:least])
                verdicts[lips][name].append(Scored(scores, alpha))
        progress(number + 1, len(items))
    return verdicts


def _people(item: Item, other: Item) -> People:
    return People(item.landmarks, other.landmarks, item.landmarks, item.landmarks, {})


def _enhance(model: StreamingEstimator, item: Item, seen: tuple[str, People] | None) -> tuple[Float32, float]:
    """The output for an item, aligned with it, and mean alpha; None for audio alone."""
    hop = model.net.config.stft.hop
    noisy = item.noisy[: len(item.noisy) // hop * hop]
    video = None if seen is None else _cues(model, *as_counted(*seen_as(*seen)), len(noisy) // hop)
    estimate = model(torch.from_numpy(noisy)[None], video)
    return estimate.wave[0].numpy(), float(estimate.alpha.mean())


def _cues(model: StreamingEstimator, landmarks: Float32, age_s: Float32, frames: int) -> CueBatch:
    """What encoder C says of a face, of a stream that begins."""
    assert isinstance(model.net.visual, LandmarkVisualEncoder)
    cues, _ = model.net.visual(torch.from_numpy(landmarks)[None], torch.from_numpy(age_s)[None])
    times_s, everything = TICK_S * np.arange(len(landmarks), dtype=np.float64), np.ones(len(landmarks), bool)
    newest, held_s = hold(times_s, everything, frames, model.net.config.stft.hop / SAMPLE_RATE)
    ages_s = torch.from_numpy((held_s + age_s[newest]).astype(np.float32))
    return CueBatch(cues, torch.from_numpy(newest)[None], ages_s[None], torch.ones(1))
