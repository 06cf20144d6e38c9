"""What a model makes of right and of misleading lips, against its own audio-only output."""

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...bench.metrics import estoi, si_sdr
from ...bench.metrics.level import projected_gain_db
from ...core.arrays import Float32
from ...errors import InputError
from ...models.layers.stft import Analysis, Synthesis
from ...models.lips.landmarks import LandmarkVisualEncoder
from ...models.lips.points import TICK_S
from ...models.lite_avse import LiteAVSEMamba
from ..cue.evaluation import read_test_rows
from ..cue.views import example_of
from ..data.landmark_corpus import LandmarkClip, read_landmarks
from ..data.recordings import read_audio
from ..mixing.degrade import hold
from .scenes import chosen_face, filmed_photograph, residual_ticks
from .views import CONDITIONS, People, as_counted, seen_as

#: Alpha is judged from here on: before, it cannot know.
_SETTLED_S = 2.0


class JudgedClip(NamedTuple):
    """A talking face with something else to be heard, or nothing.

    Attributes:
        speaker: whose face.
        group: "seen" for speakers of the training, else "strangers".
        sound: what else is heard: "talker", "noise" or "clean".
        noisy, clean: float32 ``[N]`` at 16 kHz.
        landmarks: float32 ``[T, 44, 3]``, at each tick; zeros where no face was found.
        photograph: the same of its first picture, filmed.
    """

    speaker: str
    group: str
    sound: str
    noisy: Float32
    clean: Float32
    landmarks: Float32
    photograph: Float32


class Verdict(NamedTuple):
    """One clip with one kind of lips.

    Attributes:
        group, sound: of the clip.
        lips: one of `CONDITIONS`.
        si_sdr_db: of the output.
        si_sdr_gain_db, estoi_gain: over the audio-only output.
        alpha: mean after the first two seconds; NaN where there are no more.
        level_db: of the speech in the output over that in the audio-only output.
        alpha_by_second: mean in each second.
    """

    group: str
    sound: str
    lips: str
    si_sdr_db: float
    si_sdr_gain_db: float
    estoi_gain: float
    alpha: float
    level_db: float
    alpha_by_second: tuple[float, ...]


def read_judged(data: Path) -> tuple[JudgedClip, ...]:
    """The clips of ``test/av.csv`` in a data folder: with a talker, in noise, and each of them once clean.

    Raises:
        InputError: the table, a recording or a film is missing or unreadable.
    """
    folder, faces, clips = data / "test" / "av", dict[str, tuple[Float32, Float32]](), list[JudgedClip]()
    for row in read_test_rows(data):
        name, condition = row["id"], row["condition"]
        noisy, clean = (read_audio(folder / f"{name}.{condition}.{kind}.flac") for kind in ("noisy", "clean"))
        group = "seen" if row["kind"].startswith("seen") else "strangers"
        first = name not in faces
        if first:
            film = folder / f"{name}.mp4"
            own, photograph = (
                example_of(LandmarkClip(row["speaker"], landmarks, times_s, clean)).landmarks
                for times_s, landmarks in (read_landmarks(film), filmed_photograph(film))
            )
            faces[name] = own, photograph
        clips.append(JudgedClip(row["speaker"], group, condition, noisy, clean, *faces[name]))
        if first:
            clips.append(clips[-1]._replace(sound="clean", noisy=clean))
    return tuple(clips)


@torch.no_grad()
def judge(net: LiteAVSEMamba, clips: Sequence[JudgedClip]) -> Iterator[Verdict]:
    """Verdicts, those of a clip in the order of `CONDITIONS`.

    Args:
        net: with a voice gate, in eval mode.
        clips: of at least two speakers.

    Raises:
        InputError: clips of one speaker only, or a model without a gate.
    """
    if net.gate is None:
        raise InputError(f"model '{net.config.name}' has no voice gate to judge: use one that has, as 'lite'")
    residuals = {
        key: residual_ticks(net, [clip for clip in clips if (clip.speaker, clip.sound) == key])
        for key in sorted({(clip.speaker, clip.sound) for clip in clips})
    }
    for number, clip in enumerate(clips):
        others = [other for other in clips if other.speaker != clip.speaker]
        if not others:
            raise InputError("clips of one speaker cannot be judged: nobody else could be the wrong person")
        # Any other; neighbours in the table are alike.
        other = others[7 * number % len(others)].landmarks
        people = People(
            clip.landmarks,
            other,
            clip.photograph,
            chosen_face(clip.landmarks, other, clip.noisy),
            residuals[clip.speaker, clip.sound],
        )
        yield from _judge_clip(net, clip, people)


def _judge_clip(net: LiteAVSEMamba, clip: JudgedClip, people: People) -> Iterator[Verdict]:
    """The audio-only output is made once: a gate is all that lips have."""
    assert net.gate is not None
    stft = net.config.stft
    samples = len(clip.noisy) // stft.hop * stft.hop
    heard, _ = Analysis(stft)(torch.from_numpy(clip.noisy[:samples])[None])
    kept, _, _ = net(heard)
    gain, _ = net.level(heard)
    alone, clean = _wave(net, kept), clip.clean[: samples - (stft.window - stft.hop)]
    scores = si_sdr(clean, alone), estoi(clean, alone), projected_gain_db(clean, alone)
    settled = math.ceil(_SETTLED_S * stft.frames_per_second)
    for condition in CONDITIONS:
        cue, age_s = _cue(net, *as_counted(*seen_as(condition, people)), heard.shape[2])
        opening, alpha, _ = net.gate(heard, kept, gain, cue, age_s)
        output = _wave(net, kept * opening.unsqueeze(1))
        ratio_db = si_sdr(clean, output)
        yield Verdict(
            group=clip.group,
            sound=clip.sound,
            lips=condition,
            si_sdr_db=ratio_db,
            si_sdr_gain_db=ratio_db - scores[0],
            estoi_gain=estoi(clean, output) - scores[1],
            alpha=float(alpha[0, settled:].mean()),
            level_db=projected_gain_db(clean, output) - scores[2],
            alpha_by_second=_by_second(np.asarray(alpha[0]), stft.frames_per_second),
        )


def _cue(net: LiteAVSEMamba, landmarks: Float32, age_s: Float32, frames: int) -> tuple[Tensor, Tensor]:
    """The cue at each audio frame, ``[1, T, 10]``, and its age ``[1, T]``, of a stream that begins."""
    assert isinstance(net.visual, LandmarkVisualEncoder)
    cues, _ = net.visual(torch.from_numpy(landmarks)[None], torch.from_numpy(age_s)[None])
    times_s = TICK_S * np.arange(len(landmarks), dtype=np.float64)
    everything = np.ones(len(landmarks), bool)
    newest, held_s = hold(times_s, everything, frames, net.config.stft.hop / net.config.stft.sample_rate)
    return cues[:, newest], torch.from_numpy(held_s + age_s[newest])[None]


def _by_second(alpha: Float32, frames_per_second: float) -> tuple[float, ...]:
    second = round(frames_per_second)
    edges = np.arange(0, len(alpha) + second // 2, second)  # the last may be half a second
    return tuple(float(alpha[first:last].mean()) for first, last in itertools.pairwise(edges))


def _wave(net: LiteAVSEMamba, spectrum: Tensor) -> Float32:
    """Aligned with the input, ``[N - (window - hop)]``."""
    stft = net.config.stft
    wave, _ = Synthesis(stft)(spectrum)
    return np.asarray(wave[0, stft.window - stft.hop :].numpy(), np.float32)


def table_of(verdicts: Sequence[Verdict]) -> str:
    """Means of each group of speakers, sound and kind of lips, with the worst clip of each."""
    rows = [
        f"{'speakers':<10} {'sound':<7} {'lips':<18} {'n':>3} {'SI-SDR':>7} {'over audio':>10} {'worst':>7} "
        f"{'ESTOI':>7} {'alpha':>6} {'level':>7} {'worst':>7}"
    ]
    names = sorted({(verdict.group, verdict.sound) for verdict in verdicts}, reverse=True)
    for group, sound in names:
        for lips in CONDITIONS:
            some = [verdict for verdict in verdicts if verdict[:3] == (group, sound, lips)]
            numbers = np.array([verdict[3:8] for verdict in some])
            known = [alpha for alpha in numbers[:, 3] if not math.isnan(alpha)]
            ratio_db, gain_db, gain, level_db = (numbers[:, column].mean() for column in (0, 1, 2, 4))
            furthest_db = numbers[np.argmax(np.abs(numbers[:, 4])), 4]
            rows.append(
                f"{group:<10} {sound:<7} {lips:<18} {len(some):3d} {ratio_db:7.1f} {gain_db:+10.2f} "
                f"{numbers[:, 1].min():+7.2f} {gain:+7.3f} {np.mean(known) if known else math.nan:6.2f} "
                f"{level_db:+7.2f} {furthest_db:+7.2f}"
            )
    return "\n".join(rows)


def alpha_table_of(verdicts: Sequence[Verdict]) -> str:
    """How alpha comes and goes: means of each second, of each group of speakers, sound and kind of lips."""
    seconds = min((len(verdict.alpha_by_second) for verdict in verdicts), default=0)
    heads = " ".join(f"{f'{second}-{second + 1} s':>6}" for second in range(seconds))
    rows = [f"{'speakers':<10} {'sound':<7} {'alpha with lips':<18} {heads}"]
    for group, sound in sorted({(verdict.group, verdict.sound) for verdict in verdicts}, reverse=True):
        for lips in CONDITIONS:
            some = [
                verdict.alpha_by_second[:seconds]
                for verdict in verdicts
                if verdict[:3] == (group, sound, lips)
            ]
            means = " ".join(f"{mean:6.2f}" for mean in np.mean(some, axis=0))
            rows.append(f"{group:<10} {sound:<7} {lips:<18} {means}")
    return "\n".join(rows)
