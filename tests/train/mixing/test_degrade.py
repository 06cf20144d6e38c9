"""Degradations of video: what is held when, what each kind does to frames, and what it says of trust."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S
from lipstream.train.mixing.degrade import DegradeConfig, UInt8, VideoView, degrade, hold

KINDS = ("untouched", "black", "dropped", "noise", "blur", "dim", "frozen", "other", "none")
FRAME_S = 200 / 16000
FRAMES = 80
VIDEO_FRAMES = 25


def patterns(seed: int, size: int = 32) -> UInt8:
    """A second of video in which every video frame has its own coarse pattern; nobody may write into it."""
    coarse = np.random.default_rng(seed).integers(60, 196, (VIDEO_FRAMES, size // 4, size // 4, 3), np.uint8)
    crops = np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)
    crops.setflags(write=False)
    return crops


CROPS, OTHER = patterns(0), patterns(1)
TIMES_S = np.arange(VIDEO_FRAMES) / 25
USABLE = np.ones(VIDEO_FRAMES, bool)
USABLE.setflags(write=False)


def view(kind: str, seed: int = 0, max_delay_frames: int = 0, crops: UInt8 = CROPS) -> VideoView:
    """The clip after one kind of degradation."""
    config = DegradeConfig(tuple(float(kind == name) for name in KINDS), max_delay_frames)
    rng = np.random.default_rng(seed)
    return degrade(crops, np.resize(OTHER, crops.shape), TIMES_S, USABLE, FRAMES, FRAME_S, config, rng)


@st.composite
def videos(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Uneven, rising time stamps in whole milliseconds, and which of the frames have a crop."""
    gaps_ms = draw(st.lists(st.integers(1, 300), max_size=30))
    usable = draw(st.lists(st.booleans(), min_size=len(gaps_ms), max_size=len(gaps_ms)))
    return (np.cumsum(gaps_ms) - 1) / 1000, np.array(usable, bool)


@given(video=videos(), frames=st.integers(1, 120))
def test_the_newest_usable_video_frame_is_held_and_never_one_of_the_future(
    video: tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]], frames: int
) -> None:
    times_s, usable = video
    newest, age_s = hold(times_s, usable, frames, FRAME_S)
    assert newest.shape == (frames,)
    assert newest.dtype == np.int64
    assert age_s.shape == (frames,)
    assert age_s.dtype == np.float32
    for frame, (held, age) in enumerate(zip(newest, age_s, strict=True)):
        now_s = (frame + 1) * FRAME_S
        arrived = usable & (times_s < now_s + 1e-7)
        if arrived.any():
            assert arrived[held]
            assert not arrived[held + 1 :].any()
            assert age == pytest.approx(now_s - times_s[held], abs=1e-6)
        else:
            assert (held, age) == (0, np.float32(NO_VIDEO_AGE_S))


def test_a_video_frame_counts_from_the_audio_frame_at_whose_end_it_is_taken() -> None:
    times_s = np.array([1.0, 1.05, 1.1]) - 1.0  # a little more than 0.05 and 0.1
    newest, age_s = hold(times_s, np.ones(3, bool), 9, FRAME_S)
    assert newest.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2]
    np.testing.assert_allclose(age_s, np.array([1, 2, 3, 0, 1, 2, 3, 0, 1]) * FRAME_S, atol=1e-7)


def test_a_good_clip_passes_as_it_is() -> None:
    seen = view("untouched")
    np.testing.assert_array_equal(seen.crops, CROPS)
    newest, age_s = hold(TIMES_S, USABLE, FRAMES, FRAME_S)
    np.testing.assert_array_equal(seen.newest, newest)
    np.testing.assert_array_equal(seen.age_s, age_s)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [32, 96])
def test_every_kind_keeps_shapes_and_says_whether_the_lips_can_be_trusted(kind: str, size: int) -> None:
    crops = patterns(2, size)
    seen = view(kind, crops=crops, max_delay_frames=2)
    assert seen.crops.shape == crops.shape
    assert seen.crops.dtype == np.uint8
    assert seen.newest.shape == (FRAMES,)
    assert seen.newest.dtype == np.int64
    assert seen.age_s.shape == (FRAMES,)
    assert seen.age_s.dtype == np.float32
    assert seen.trust == pytest.approx({"black": 0.0, "other": np.nan}.get(kind, 1.0), nan_ok=True)


def test_black_video_frames_are_black() -> None:
    assert not view("black").crops.any()


def test_a_frozen_video_frame_ages() -> None:
    seen = view("frozen")
    assert not seen.newest.any()
    np.testing.assert_allclose(seen.age_s, (np.arange(FRAMES) + 1) * FRAME_S - TIMES_S[0], atol=1e-6)


def test_another_speaker_takes_the_place_of_the_first() -> None:
    np.testing.assert_array_equal(view("other").crops, OTHER)


def test_none_is_no_video_at_all() -> None:
    seen = view("none")
    assert not seen.newest.any()
    assert (seen.age_s == np.float32(NO_VIDEO_AGE_S)).all()


def test_dropped_video_frames_leave_the_ones_before_them() -> None:
    kept = []
    for seed in range(60):
        seen = view("dropped", seed)
        np.testing.assert_array_equal(seen.crops, CROPS)
        there = seen.age_s < NO_VIDEO_AGE_S
        ends_s = (np.flatnonzero(there) + 1) * FRAME_S
        np.testing.assert_allclose(seen.age_s[there], ends_s - TIMES_S[seen.newest[there]], atol=1e-6)
        kept.append(len(set(seen.newest[there])) / VIDEO_FRAMES)
    assert np.mean(kept) == pytest.approx(0.6, abs=0.08)  # of 10 to 70 % dropped
    assert min(kept) < 0.4
    assert max(kept) > 0.8


def test_noise_is_added_to_each_video_frame_anew() -> None:
    levels = []
    for seed in range(10):
        noise = view("noise", seed).crops.astype(float) - CROPS
        assert abs(noise.mean()) < 1
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1
        levels.append(noise.std())
    assert 4.5 < min(levels) < max(levels) < 40.5


def test_blur_takes_detail_and_keeps_brightness() -> None:
    for seed in range(5):
        blurred = view("blur", seed).crops.astype(float)
        np.testing.assert_allclose(blurred.mean(axis=(1, 2)), CROPS.mean(axis=(1, 2)), atol=8)
        assert (
            np.abs(np.diff(blurred, axis=1)).mean()
            < 0.8 * np.abs(np.diff(CROPS.astype(float), axis=1)).mean()
        )


def test_dim_video_frames_are_darker_by_one_factor() -> None:
    for seed in range(5):
        ratio = view("dim", seed).crops / CROPS
        assert 0.13 < ratio.min() < ratio.max() <= 0.6
        assert np.ptp(ratio) < 0.02  # whole steps of grey


def test_video_frames_come_up_to_two_frames_late_under_unchanged_time_stamps() -> None:
    delays = set()
    for seed in range(20):
        seen = view("untouched", seed, max_delay_frames=2)
        delay = int(np.argmax([(seen.crops[-1] == CROPS[-1 - late]).all() for late in range(3)]))
        np.testing.assert_array_equal(seen.crops, CROPS[np.maximum(np.arange(VIDEO_FRAMES) - delay, 0)])
        np.testing.assert_array_equal(seen.age_s, view("untouched").age_s)
        delays.add(delay)
    assert delays == {0, 1, 2}


def test_weights_need_not_sum_to_one() -> None:
    config = DegradeConfig((6.0, 2.0, 0, 0, 0, 0, 0, 0, 0), max_delay_frames=0)
    rng = np.random.default_rng(0)
    crops = CROPS[:1, :2, :2]
    trusts = [
        degrade(crops, crops, TIMES_S[:1], USABLE[:1], 1, FRAME_S, config, rng).trust for _ in range(400)
    ]
    assert np.mean(trusts) == pytest.approx(0.75, abs=0.08)


def test_the_generator_decides_everything() -> None:
    def drawn(seed: int) -> VideoView:
        rng = np.random.default_rng(seed)
        return degrade(CROPS, OTHER, TIMES_S, USABLE, FRAMES, FRAME_S, DegradeConfig(), rng)

    for seed in range(20):
        for one, again in zip(drawn(seed), drawn(seed), strict=True):
            np.testing.assert_array_equal(one, again)
    assert len({drawn(seed).crops.tobytes() for seed in range(20)}) > 5
