"""Mixtures with a face: a talking-face clip, an interference, and what the camera made of it."""

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import Float32
from ...errors import InputError
from ...models.lite_avse import LiteAVSEMamba
from ...models.store.registry import NO_VIDEO_AGE_S
from ..data.recordings import SAMPLE_RATE
from ..data.video_corpus import Face, UInt8
from .augment import AugmentConfig, vary, vary_look, vary_voice
from .cues import CueConfig
from .degrade import DegradeConfig, VideoView, degrade
from .mixtures import BABBLE, RECORDED, SYNTHETIC, TALKER, Mixer

#: Parts of the model that a recipe can leave as they are.
Frozen = Literal["sound", "lips"]


@dataclass(frozen=True)
class VideoConfig:
    """How the recipe trains with video.

    Attributes:
        share: of the optimizer steps that see video; 0 trains on audio alone.
        freeze: what is not trained: ``sound``, all but visual encoder and fusion, so that audio-only output
            stays what it was; ``lips``, visual encoder and VCE, so that embeddings and alpha do; or nothing.
        competing_talker: probability that the interference is another talker, not noise.
        same_voice: how often a competing talker is the speaker, who says something else: only what the lips
            say tells them apart, not whose they are.
        conflict: how often the video is of another person all the time. A VCE that hears learns an alpha of 0
            then; to one that only sees, those lips look as good as any.
        rir_probability: of a random room for the speaker and a competing talker.
        alpha_weight: weight of the cross-entropy that teaches alpha whether the lips can be trusted.
        held_out_speakers: faces kept for validation.
        augment: how speakers are varied.
        degrade: what happens to the video frames.
        cues: in their place, what is the matter with the cues of a model that sees landmarks: those are
            simulated, from any speech, and need no video.
        encoder: model or weights whose encoder C such a model has; it is not trained.
    """

    share: float = 0.0
    freeze: str = ""
    competing_talker: float = 0.6
    alpha_weight: float = 0.02
    held_out_speakers: tuple[str, ...] = ()
    rir_probability: float = 0.0
    same_voice: float = 0.0
    conflict: float = 0.0
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    cues: CueConfig = field(default_factory=CueConfig)
    encoder: str = "lite"

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise InputError(f"video.share {self.share} must be between 0 and 1")
        if not 0.0 <= self.competing_talker <= 1.0 or self.alpha_weight < 0.0:
            raise InputError("video.competing_talker must be between 0 and 1, video.alpha_weight at least 0")
        if not all(0.0 <= share <= 1.0 for share in (self.rir_probability, self.same_voice, self.conflict)):
            raise InputError(
                "video.rir_probability, video.same_voice and video.conflict must be between 0 and 1"
            )
        if self.freeze and self.freeze not in get_args(Frozen):
            raise InputError(
                f"video.freeze '{self.freeze}' is unknown: choose one of {', '.join(get_args(Frozen))}, or "
                'leave it ""'
            )
        if self.freeze == "sound" and self.share < 1.0:
            raise InputError(
                "video.freeze 'sound' leaves nothing to train without video: set video.share = 1.0"
            )

    def draws_conflict(self, rng: np.random.Generator) -> bool:
        """Whether this clip comes with another person's lips; asks ``rng`` only where some do."""
        return self.conflict > 0.0 and rng.random() < self.conflict


class VideoBatch(NamedTuple):
    """What the network sees of a batch of clips.

    ``crops`` uint8 ``[B, Tv, 96, 96, 3]``; ``newest`` int64 and ``age_s`` float32 ``[B, T]`` as in
    `VideoView`; ``trust`` float32 ``[B]``.
    """

    crops: Tensor
    newest: Tensor
    age_s: Tensor
    trust: Tensor

    @classmethod
    def of(cls, views: list[VideoView]) -> "VideoBatch":
        """Views side by side, filled up to the one with most video frames; filling is never the newest."""
        most = max(len(view.crops) for view in views)
        return cls(
            torch.from_numpy(np.stack([_filled(view.crops, most) for view in views])),
            torch.from_numpy(np.stack([view.newest for view in views])),
            torch.from_numpy(np.stack([view.age_s for view in views])),
            torch.tensor([view.trust for view in views]),
        )


class VideoMixer:
    """Draws (noisy, clean, view) from talking-face clips; interference and levels as a `Mixer` makes them.

    Args:
        mixer: makes noise, and mixes.
        clips: at least one speaker's.
        config: of the video.
        hop: samples of an audio frame.
        hears: whether the VCE hears, see `VideoConfig.conflict`.

    Raises:
        InputError: there are no clips.
    """

    def __init__(
        self, mixer: Mixer, clips: tuple[Face, ...], config: VideoConfig, hop: int, hears: bool = False
    ) -> None:
        if not clips:
            raise InputError("no talking-face clips to train on: check av.csv and video.held_out_speakers")
        self.mixer, self.config, self.hop, self.hears = mixer, config, hop, hears
        self.by_speaker: dict[str, list[Face]] = {}
        for clip in clips:
            self.by_speaker.setdefault(clip.speaker, []).append(clip)
        # A speaker with many clips is drawn more often, but does not drown the others.
        weights = np.sqrt([len(clips) for clips in self.by_speaker.values()])
        self.weights = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> tuple[Float32, Float32, VideoView]:
        """One mixture ``[length]``, its clean speech, and the view of the speaker."""
        face = self._face(rng)
        other = self._face(rng, face.speaker)
        clip = vary(face.load(), self.config.augment, rng)
        length, frames = self.mixer.config.length, self.mixer.config.length // self.hop
        spare_s = max(len(clip.sound) - length, 0) / SAMPLE_RATE
        first = int(rng.integers(0, max(int(np.searchsorted(clip.times_s, spare_s)), 1)))
        start_s = clip.times_s[first]
        speech = _cut(clip.sound, round(start_s * SAMPLE_RATE), length)
        in_room = self._in_room(rng)
        clean = self.mixer.voice(speech, in_room, rng)
        noise, talker = self._interference(face, in_room, rng)
        seen = slice(first, int(np.searchsorted(clip.times_s, start_s + length / SAMPLE_RATE)))
        count = len(clip.times_s[seen])
        misleading = vary_look(self._misleading(other, clip.speaker, count), self.config.augment, rng)
        conflict = self.config.draws_conflict(rng)
        view = degrade(
            misleading if conflict else clip.crops[seen],
            misleading,
            clip.times_s[seen] - start_s,
            clip.found[seen],
            frames,
            self.hop / SAMPLE_RATE,
            self.config.degrade,
            rng,
        )
        if conflict and view.lips:
            view = view._replace(trust=0.0 if self.hears else math.nan)
        noisy, clean = self.mixer.mix(clean, noise, rng, either=talker and not view.lips)
        return noisy, clean, view

    def _in_room(self, rng: np.random.Generator) -> bool:
        probability = self.config.rir_probability
        return probability > 0 and bool(self.mixer.rooms) and rng.random() < probability

    def _face(self, rng: np.random.Generator, avoid: str = "") -> Face:
        """Any clip of a speaker other than ``avoid``; where nobody else is there, one of theirs."""
        speakers = list(self.by_speaker)
        weights = self.weights * [speaker != avoid or len(speakers) == 1 for speaker in speakers]
        clips = self.by_speaker[speakers[int(rng.choice(len(speakers), p=weights / weights.sum()))]]
        return clips[int(rng.integers(len(clips)))]

    @staticmethod
    def _misleading(other: Face, speaker: str, count: int) -> UInt8:
        """Lips that do not fit the sound: another speaker's, or else the speaker's own, backwards."""
        crops = other.load().crops
        return np.resize(crops[::-1] if other.speaker == speaker else crops, (count, *crops.shape[1:]))

    def _interference(self, face: Face, in_room: bool, rng: np.random.Generator) -> tuple[Float32, bool]:
        """A sound, and whether it is another talker."""
        speaker, length = face.speaker, self.mixer.config.length
        if rng.random() >= self.config.competing_talker:
            return self._of_kind(int(rng.choice([RECORDED, BABBLE, SYNTHETIC])), in_room, rng, speaker)
        other = self._other_clip(face, rng)
        if other is None:
            other = self._face(rng)
            if other.speaker == speaker or rng.random() < 0.5:
                return self._of_kind(TALKER, in_room, rng, speaker)
        sound = vary_voice(other.load().sound, self.config.augment, rng)
        speech = _cut(sound, int(rng.integers(0, max(len(sound) - length, 1))), length)
        return self.mixer.voice(speech, in_room, rng), True

    def _of_kind(
        self, kind: int, in_room: bool, rng: np.random.Generator, speaker: str
    ) -> tuple[Float32, bool]:
        kind = self.mixer.possible(kind, speaker)
        return self.mixer.interference(kind, in_room, rng, speaker), kind == TALKER

    def _other_clip(self, face: Face, rng: np.random.Generator) -> Face | None:
        """Another clip of the same speaker, as often as `VideoConfig.same_voice` says."""
        if self.config.same_voice == 0.0 or rng.random() >= self.config.same_voice:
            return None
        clips = [clip for clip in self.by_speaker[face.speaker] if clip is not face]
        return clips[int(rng.integers(len(clips)))] if clips else None


def _cut(sound: Float32, start: int, length: int) -> Float32:
    taken = sound[start : start + length]
    return np.pad(taken, (0, length - len(taken)))


def _filled(crops: UInt8, count: int) -> UInt8:
    return np.pad(crops, ((0, count - len(crops)), (0, 0), (0, 0), (0, 0)))


def embed(net: LiteAVSEMamba, video: VideoBatch) -> tuple[Tensor, Tensor]:
    """Encode each video frame once, see `held`."""
    crops = video.crops.permute(0, 1, 4, 2, 3).float() / 255.0
    return held(net.visual(crops)[0], video.newest, video.age_s)


def held(frames: Tensor, newest: Tensor, age_s: Tensor) -> tuple[Tensor, Tensor]:
    """What is seen, ``[B, Tv, E]``, held for the audio frames it is the newest of, see `VideoBatch`.

    Returns:
        embedding ``[B, T, E]`` (zeros where there is no video yet) and its age in seconds ``[B, T]``.
    """
    index = newest.unsqueeze(-1).expand(-1, -1, frames.shape[-1])
    there = (age_s < NO_VIDEO_AGE_S).unsqueeze(-1)
    return frames.gather(1, index) * there, age_s
