"""Varied speakers: another look and voice, the same words at the same moments."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.train.data.recordings import SAMPLE_RATE
from lipstream.train.data.video_corpus import FaceClip
from lipstream.train.mixing.augment import AugmentConfig, vary, vary_look, vary_voice

SIZE = 96
EVERYTHING = AugmentConfig(mirror=0.5, turn_deg=10, zoom=0.2, shift=0.06, colour=0.8, tempo=0.15)


def face(frames: int = 40) -> FaceClip:
    """A light spot left of the centre that opens like a mouth, and a click for each video frame."""
    crops = np.full((frames, SIZE, SIZE, 3), (150, 110, 90), np.uint8)
    for number, crop in enumerate(crops):
        cv2.ellipse(crop, (40, 48), (10, 2 + number % 7), 0, 0, 360, (230, 60, 60), -1)
    sound = np.zeros(frames * 640, np.float32)
    sound[320::640] = 1.0
    return FaceClip("a", crops, np.arange(frames) / 25, np.arange(frames) % 5 > 0, sound)


def varied(config: AugmentConfig, seed: int = 0) -> FaceClip:
    return vary(face(), config, np.random.default_rng(seed))


def test_nothing_changes_unless_it_is_asked_for() -> None:
    clip = face()
    rng = np.random.default_rng(0)
    assert vary(clip, AugmentConfig(), rng) is clip
    assert vary_look(clip.crops, AugmentConfig(), rng) is clip.crops
    assert vary_voice(clip.sound, AugmentConfig(), rng) is clip.sound
    assert rng.random() == np.random.default_rng(0).random()  # mixtures of older recipes stay what they were


def test_the_generator_decides() -> None:
    one, again, other = (varied(EVERYTHING, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.crops, again.crops)
    np.testing.assert_array_equal(one.sound, again.sound)
    assert not np.array_equal(one.crops, other.crops)


def test_a_clip_keeps_one_look() -> None:
    """Pictures that were alike stay alike: only the mouth moves."""
    for seed in range(10):
        crops = varied(EVERYTHING, seed).crops
        assert crops.dtype == np.uint8
        assert crops.shape == face().crops.shape
        np.testing.assert_array_equal(crops[0], crops[7])
        assert (crops[0] != crops[3]).any()


def test_sound_and_video_frames_change_their_tempo_together() -> None:
    tempos = set()
    for seed in range(10):
        clip = varied(AugmentConfig(tempo=0.15), seed)
        tempo = 1.6 / (clip.times_s[-1] + clip.times_s[1])
        tempos.add(round(tempo, 3))
        assert 1 / 1.15 <= tempo <= 1.15
        peaks = np.sort(np.argsort(clip.sound)[-40:]) / SAMPLE_RATE
        np.testing.assert_allclose(peaks, clip.times_s + 0.02 / tempo, atol=2 / SAMPLE_RATE)
        np.testing.assert_array_equal(clip.found, face().found)
    assert len(tempos) == 10


def test_a_voice_alone_gets_faster_and_slower() -> None:
    sound = face().sound
    lengths = [len(vary_voice(sound, EVERYTHING, np.random.default_rng(seed))) for seed in range(20)]
    assert 0.86 < min(lengths) / len(sound) < 0.95
    assert 1.05 < max(lengths) / len(sound) < 1.16


def mouth(crops: np.ndarray) -> tuple[float, float]:
    """Where the red spot is, as (x, y)."""
    red = crops[3].astype(int)
    rows, columns = np.nonzero(red[..., 0] - red[..., 1] > 100)
    return float(columns.mean()), float(rows.mean())


def test_mirrors_and_shifts_move_the_mouth() -> None:
    x, y = mouth(face().crops)
    mirrored = varied(AugmentConfig(mirror=1.0)).crops
    np.testing.assert_array_equal(mirrored, face().crops[:, :, ::-1])
    places = [mouth(varied(AugmentConfig(shift=0.1), seed).crops) for seed in range(20)]
    moved = np.array(places) - (x, y)
    assert np.abs(moved).max() <= 0.1 * SIZE + 1
    assert (moved.std(axis=0) > 2).all()


def test_zoom_changes_the_size_of_the_mouth() -> None:
    def width(crops: np.ndarray) -> int:
        red = crops[3].astype(int)
        return int((red[..., 0] - red[..., 1] > 100).any(axis=0).sum())

    widths = [width(varied(AugmentConfig(zoom=0.3), seed).crops) for seed in range(20)]
    assert min(widths) < width(face().crops) - 2 < width(face().crops) + 2 < max(widths)


def test_colours_change_and_the_light_is_not_lost() -> None:
    shades = [varied(AugmentConfig(colour=1.0), seed).crops[0, 5, 5].astype(int) for seed in range(30)]
    brightness = np.array([shade.mean() for shade in shades])
    assert brightness.std() > 10
    assert (brightness > 20).all()
    saturation = [shade.max() - shade.min() for shade in shades]
    assert min(saturation) < 25 < 60 < max(saturation)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shift", -0.1, "must not be negative"),
        ("mirror", 1.5, "mirror and video.augment.colour must be at most 1"),
        ("colour", 2.0, "mirror and video.augment.colour must be at most 1"),
        ("turn_deg", 60.0, "turn_deg must be at most 45"),
        ("tempo", 0.6, "zoom, shift and tempo at most 0.5"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(AugmentConfig(), **{name: value})
