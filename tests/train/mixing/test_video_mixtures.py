"""Mixtures with a face: lips and sound of the same moment, who talks in between, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.data.recordings import SAMPLE_RATE
from lipstream.train.data.video_corpus import FaceClip
from lipstream.train.mixing.augment import AugmentConfig
from lipstream.train.mixing.degrade import DegradeConfig, VideoView
from lipstream.train.mixing.mixtures import MixConfig, Mixer
from lipstream.train.mixing.video_mixtures import VideoBatch, VideoConfig, VideoMixer

HOP = 200
LENGTH = 8000
GOOD_VIDEO = DegradeConfig((1.0,) + 8 * (0.0,), max_delay_frames=0)
STEADY = VideoConfig(degrade=GOOD_VIDEO)


@pytest.fixture
def mixer(data: Path, tmp_path: Path) -> Mixer:
    corpus = read_corpus(read_library(str(data)), tmp_path / "cache")
    plain = MixConfig(0.5, source_weights={"mini": 1.0}, tilt_db_per_octave=0.0, overload_probability=0.0)
    return Mixer(corpus, plain)


def tone(hertz: float, seconds: float = 1.0) -> Float32:
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)


def numbered(speaker: str = "a", sound: Float32 | None = None, frames: int = 50, size: int = 8) -> FaceClip:
    """Every video frame shows its own number, and every sample of the sound, a ramp, tells where it stands.

    Time stamps are uneven, and every seventh video frame has no face.
    """
    rng = np.random.default_rng(frames)
    return FaceClip(
        speaker=speaker,
        crops=np.tile(np.arange(frames, dtype=np.uint8)[:, None, None, None], (1, size, size, 3)),
        times_s=np.arange(frames) / 25 + rng.uniform(0, 0.03, frames),
        found=np.arange(frames) % 7 != 3,
        sound=np.arange(1, frames * 640 + 1, dtype=np.float32) if sound is None else sound,
    )


def draw(mixer: VideoMixer, seed: int) -> tuple[Float32, Float32, VideoView]:
    return mixer.draw(np.random.default_rng(seed))


@pytest.mark.parametrize("size", [32, 96])
def test_mixtures_and_views_are_as_long_as_the_recipe_says(mixer: Mixer, size: int) -> None:
    faces = VideoMixer(mixer, (numbered(size=size), numbered("b", frames=7, size=size)), VideoConfig(), HOP)
    for seed in range(20):
        noisy, clean, view = draw(faces, seed)
        for wave in (noisy, clean):
            assert wave.shape == (LENGTH,)
            assert wave.dtype == np.float32
            assert np.isfinite(wave).all()
        assert view.crops.shape[1:] == (size, size, 3)
        assert view.crops.dtype == np.uint8
        assert view.newest.shape == view.age_s.shape == (LENGTH // HOP,)
        assert 0 <= view.newest.min() <= view.newest.max() < len(view.crops)


def test_video_frames_and_sound_are_of_the_same_moment(mixer: Mixer) -> None:
    clip = numbered()
    faces = VideoMixer(mixer, (clip,), STEADY, HOP)
    starts = set()
    for seed in range(30):
        _, clean, view = draw(faces, seed)
        start = clean[0] * (LENGTH - 1) / (clean[-1] - clean[0]) - 1  # of the ramp, whatever its gain
        there = view.age_s < NO_VIDEO_AGE_S
        shown = view.crops[view.newest[there], 0, 0, 0]
        assert clip.found[shown].all()
        now_s = start / SAMPLE_RATE + (np.flatnonzero(there) + 1) * HOP / SAMPLE_RATE
        np.testing.assert_allclose(clip.times_s[shown] + view.age_s[there], now_s, atol=2 / SAMPLE_RATE)
        starts.add(round(start))
    assert len(starts) > 10


def test_a_short_clip_ends_in_silence_and_its_last_video_frame_grows_old(mixer: Mixer) -> None:
    faces = VideoMixer(mixer, (numbered(frames=5),), STEADY, HOP)
    noisy, clean, view = draw(faces, 0)
    assert clean[:3000].any()
    assert not clean[3200:].any()
    assert noisy[3200:].any()
    assert view.age_s[-1] > 0.25
    assert view.crops[view.newest[-1], 0, 0, 0] == 4


def test_the_generator_decides_the_mixture(mixer: Mixer) -> None:
    faces = VideoMixer(mixer, (numbered(), numbered("b")), VideoConfig(), HOP)
    for seed in range(5):
        (*waves, view), (*waves_again, view_again) = draw(faces, seed), draw(faces, seed)
        for one, again in zip((*waves, *view), (*waves_again, *view_again), strict=True):
            np.testing.assert_array_equal(one, again)
    assert not np.array_equal(draw(faces, 0)[0], draw(faces, 1)[0])


def loudest_hertz(wave: Float32) -> int:
    return int(np.argmax(np.abs(np.fft.rfft(wave)))) * SAMPLE_RATE // wave.size


@pytest.fixture
def heard(mixer: Mixer, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[tuple[int, int]]]:
    """(target, interference) of 200 mixtures as tones: 500 and 1000 Hz are the faces, 2000 Hz the talkers of
    the corpus, 4000 Hz its noises."""

    def interference(kind: int, in_room: bool, rng: np.random.Generator, speaker: str) -> Float32:
        return tone(2000 if kind == 2 else 4000, 0.5)

    monkeypatch.setattr(mixer, "interference", interference)
    clips = (numbered("a", tone(500, 2.0)), numbered("b", tone(1000, 2.0)))

    def listen(competing_talker: float) -> list[tuple[int, int]]:
        faces = VideoMixer(mixer, clips, replace(STEADY, competing_talker=competing_talker), HOP)
        drawn = (draw(faces, seed) for seed in range(200))
        return [(loudest_hertz(clean), loudest_hertz(noisy - clean)) for noisy, clean, _ in drawn]

    return listen


def test_talkers_compete_as_often_as_asked(heard: Callable[[float], list[tuple[int, int]]]) -> None:
    for asked in (0.0, 0.3, 1.0):
        share = np.mean([interference != 4000 for _, interference in heard(asked)])
        assert share == pytest.approx(asked, abs=0.08 * (0 < asked < 1))


def test_a_competing_talker_is_another_face_or_from_the_corpus_and_never_the_speaker(
    heard: Callable[[float], list[tuple[int, int]]],
) -> None:
    assert set(heard(1.0)) == {(500, 1000), (500, 2000), (1000, 500), (1000, 2000)}


@pytest.mark.parametrize("happens", range(9))
def test_a_talker_is_kept_where_no_lips_tell_who_is_meant(mixer: Mixer, happens: int) -> None:
    config = replace(mixer.config, snr_db=(0.0, 0.0), keep_talker_below_db=6.0)
    weights = tuple(float(kind == happens) for kind in range(9))
    video = replace(STEADY, competing_talker=1.0, degrade=DegradeConfig(weights=weights))
    mixer.config = config
    faces = VideoMixer(mixer, (numbered(), numbered("b")), video, HOP)
    for seed in range(5):
        noisy, clean, view = draw(faces, seed)
        black, frozen, none = happens == 1, happens == 6, happens == 8
        assert np.array_equal(noisy, clean) is (black or frozen or none)
        assert view.lips is not (black or frozen or none)


def test_the_speaker_s_own_voice_may_compete(mixer: Mixer) -> None:
    """Then only what the lips say tells who is meant; a speaker of one clip has none to compete with."""
    config = replace(STEADY, competing_talker=1.0, same_voice=1.0)
    clips = (numbered("a", tone(500, 2.0)), numbered("a", tone(700, 2.0)), numbered("b", tone(1000, 2.0)))
    faces = VideoMixer(mixer, clips, config, HOP)
    pairs = set()
    for seed in range(60):
        noisy, clean, _ = draw(faces, seed)
        pairs.add((loudest_hertz(clean), loudest_hertz(noisy - clean)))
    assert {(500, 700), (700, 500)} <= pairs
    assert (500, 1000) not in pairs
    assert (1000, 1000) not in pairs


def test_speakers_are_varied_as_the_recipe_says(mixer: Mixer) -> None:
    clips = (numbered("a", tone(500, 2.0)), numbered("b", tone(1000, 2.0)))
    config = replace(STEADY, competing_talker=1.0, augment=AugmentConfig(colour=0.5, tempo=0.2))
    faces = VideoMixer(mixer, clips, config, HOP)
    heard = {loudest_hertz(draw(faces, seed)[1]) for seed in range(30)}
    assert min(heard) < 470
    assert max(heard) > 1060
    assert heard.isdisjoint(range(620, 800))


def test_the_wrong_speaker_s_lips_are_never_the_speaker_s_own(mixer: Mixer) -> None:
    wrong = VideoConfig(degrade=DegradeConfig(7 * (0.0,) + (1.0, 0.0), max_delay_frames=0))
    shades = {"a": 50, "b": 100, "c": 150}
    clips = []
    for number, (speaker, shade) in enumerate(shades.items(), 1):
        clip = numbered(speaker, tone(500 * number, 2.0))
        clips += [replace(clip, crops=np.full_like(clip.crops, shade))] * (1 if number > 1 else 30)
    faces = VideoMixer(mixer, tuple(clips), wrong, HOP)
    speakers = list(shades.values())
    for seed in range(60):
        _, clean, view = draw(faces, seed)
        shown = int(view.crops[0, 0, 0, 0])
        assert shown in speakers
        assert speakers.index(shown) != loudest_hertz(clean) // 500 - 1


def test_a_speaker_who_is_alone_is_shown_backwards_instead_of_another(mixer: Mixer) -> None:
    wrong = VideoConfig(degrade=DegradeConfig(7 * (0.0,) + (1.0, 0.0), max_delay_frames=0))
    _, _, view = draw(VideoMixer(mixer, (numbered(),), wrong, HOP), 0)
    assert view.crops[0, 0, 0, 0] == 49
    assert (np.diff(view.crops[:, 0, 0, 0].astype(int)) == -1).all()


def test_interference_avoids_the_speaker_who_is_seen(mixer: Mixer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus may hold the sound of the same people."""
    avoided = []

    def interference(kind: int, in_room: bool, rng: np.random.Generator, speaker: str) -> Float32:
        avoided.append(speaker)
        return tone(4000, 0.5)

    monkeypatch.setattr(mixer, "interference", interference)
    faces = VideoMixer(mixer, (numbered("mini/ls4"),), STEADY, HOP)
    for seed in range(20):
        draw(faces, seed)
    assert avoided == ["mini/ls4"] * 20


def test_faces_may_speak_in_rooms(mixer: Mixer) -> None:
    clicks = (np.arange(32000) % 4000 == 100).astype(np.float32)
    clip = numbered(sound=clicks)
    dry, wet = (
        VideoMixer(mixer, (clip,), replace(STEADY, rir_probability=probability), HOP)
        for probability in (0.0, 1.0)
    )
    spread = [np.mean([np.count_nonzero(draw(faces, seed)[1]) for seed in range(20)]) for faces in (dry, wet)]
    assert spread[0] <= 3
    assert spread[1] > 100


def test_speakers_are_drawn_by_the_root_of_how_many_clips_they_have(mixer: Mixer) -> None:
    many = (numbered("many", tone(500, 2.0)),) * 9
    faces = VideoMixer(mixer, (*many, numbered("one", tone(1000, 2.0))), STEADY, HOP)
    share = np.mean([loudest_hertz(draw(faces, seed)[1]) == 500 for seed in range(200)])
    assert share == pytest.approx(0.75, abs=0.08)


def test_a_batch_holds_its_views_side_by_side(mixer: Mixer) -> None:
    faces = VideoMixer(mixer, (numbered(), numbered("b")), VideoConfig(), HOP)
    views = [draw(faces, seed)[2] for seed in range(3)]
    batch = VideoBatch.of(views)
    assert batch.crops.dtype == torch.uint8
    assert batch.newest.dtype == torch.int64
    assert batch.age_s.dtype == batch.trust.dtype == torch.float32
    for item, view in enumerate(views):
        pictures = batch.crops[item].numpy()
        np.testing.assert_array_equal(pictures[: len(view.crops)], view.crops)
        assert not pictures[len(view.crops) :].any()
        for held, given in zip(batch[1:], (view.newest, view.age_s, view.trust), strict=True):
            np.testing.assert_array_equal(held[item], given)


def test_without_clips_there_is_nothing_to_train_on(mixer: Mixer) -> None:
    with pytest.raises(
        InputError, match=r"no talking-face clips .* check av.csv and video.held_out_speakers"
    ):
        VideoMixer(mixer, (), VideoConfig(), HOP)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": -0.1}, r"video.share -0.1 must be between 0 and 1"),
        ({"share": 1.1}, r"video.share 1.1 must be between 0 and 1"),
        ({"share": float("nan")}, r"video.share nan must be between 0 and 1"),
        ({"rir_probability": 1.1}, r"video.same_voice and video.conflict must be"),
        ({"same_voice": -0.1}, r"video.same_voice and video.conflict must be"),
        ({"freeze": "sound"}, r"set video.share = 1.0"),
        ({"freeze": "sound", "share": 0.9}, r"set video.share = 1.0"),
        (
            {"freeze": "audio"},
            r"video.freeze 'audio' is unknown: choose one of sound, lips, or leave it \"\"",
        ),
    ],
)
def test_values_out_of_range_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VideoConfig(**changes)


@pytest.mark.parametrize(("freeze", "share"), [("", 0.0), ("sound", 1.0), ("lips", 0.2), ("lips", 1.0)])
def test_what_is_left_to_train_may_be_trained(freeze: str, share: float) -> None:
    assert VideoConfig(share=share, freeze=freeze).freeze == freeze


def test_in_conflict_the_lips_are_another_persons_and_alpha_learns_so_where_it_hears(mixer: Mixer) -> None:
    clips = (numbered("a", frames=50), replace(numbered("b"), crops=np.full((50, 8, 8, 3), 200, np.uint8)))
    config = replace(STEADY, conflict=1.0)
    for hears in (True, False):
        faces = VideoMixer(mixer, clips, config, HOP, hears)
        for seed in range(8):
            speaker = faces._face(np.random.default_rng(seed)).speaker
            _, _, view = draw(faces, seed)
            assert (view.crops == 200).all() == (speaker == "a")
            assert view.trust == 0.0 if hears else np.isnan(view.trust)
