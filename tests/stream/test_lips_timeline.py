"""Which lips count when: by time stamp, in order, the last one holding, and trusted less as it ages."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lipstream import Enhancer, InputError
from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.lips_input import Image
from lipstream.stream.lips_timeline import LipsTimeline
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S, StreamSpec

Make = Callable[..., Any]
SPEC = StreamSpec("none", 16_000, 400, 200, 512, 96)


def noise(count: int) -> Float32:
    return np.random.default_rng(0).uniform(-0.5, 0.5, count).astype(np.float32)


def crop_of(value: int) -> UInt8:
    return np.full((96, 96, 3), value, np.uint8)


#: What a stream begins with, so that the next frame shows that something moves.
FIRST: tuple[float, Image] = (0.0, crop_of(99))


def test_a_frame_counts_from_its_time_on_and_the_last_one_holds(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    enhancer.process(noise(600), [FIRST, (0.0125, crop_of(1)), (0.03, crop_of(2)), (0.06, crop_of(3))])
    enhancer.process(noise(600))
    assert runtime.embeddings == [1, 1, 2, 2, 3, 3]  # hops end at 12.5, 25, 37.5, 50, 62.5, 75 ms
    np.testing.assert_allclose(runtime.ages_s, [0, 0.0125, 0.0075, 0.02, 0.0025, 0.015], atol=1e-9)


def test_a_frame_that_repeats_is_no_news_and_ages(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    same = np.full(512, 5, np.float32)
    frames: list[tuple[float, Image]] = [
        FIRST,
        (0.0, crop_of(1)),
        (0.02, crop_of(1)),
        (0.04, same),
        (0.06, same.copy()),
        (0.08, crop_of(1)),
    ]
    enhancer.process(noise(1400), frames)
    assert runtime.encoded == [99, 1, 1]
    assert runtime.embeddings == [1, 1, 1, 5, 5, 5, 1]
    np.testing.assert_allclose(
        runtime.ages_s, [0.0125, 0.025, 0.0375, 0.01, 0.0225, 0.035, 0.0075], atol=1e-9
    )


def test_a_video_frame_that_never_changes_counts_for_nothing(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    still = crop_of(1)
    enhancer.process(noise(1000), [(0.01 * k, still) for k in range(6)])
    assert min(runtime.ages_s) >= 1e6
    enhancer.process(noise(400), [(0.07, crop_of(2))])
    assert runtime.embeddings == [0, 0, 0, 0, 0, 2, 2]
    assert runtime.encoded == [1, 2]
    enhancer.reset()
    enhancer.process(noise(200), crop_of(3))
    assert runtime.ages_s[-1] >= 1e6


def test_every_frame_passes_the_visual_encoder_once_and_in_order(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    enhancer.process(noise(500), [(0.0, crop_of(1)), (0.001, crop_of(2)), (0.001, crop_of(3))])
    enhancer.process(noise(500), [(0.02, crop_of(4))])  # late, but not before the one given last
    assert runtime.encoded == [1, 2, 3, 4]
    assert runtime.embeddings == [3, 3, 4, 4, 4]


def test_a_bare_crop_is_as_old_as_its_chunk(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(sample_rate=48_000, runtime=runtime)
    enhancer.process(noise(4_800), [FIRST])
    enhancer.process(noise(4_800), crop_of(7))
    first = runtime.embeddings.index(7)
    now_s = (first + 1) * 0.0125
    assert now_s - 0.0125 < 0.1 <= now_s
    assert runtime.ages_s[first] == pytest.approx(now_s - 0.1)


def test_an_embedding_stands_for_its_crop_and_is_not_encoded_again(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    enhancer.process(noise(400), [FIRST, (0.0, np.full(512, 5, np.float32)), (0.02, crop_of(6))])
    assert runtime.embeddings == [5, 6]
    assert runtime.encoded == [99, 6]


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros(511, np.float32),
        np.zeros(512),
        np.full(512, np.nan, np.float32),
        np.zeros((96, 96), np.uint8),
    ],
    ids=["short", "float64", "NaN", "grey"],
)
def test_what_is_neither_crop_nor_embedding_is_refused(pass_through: Make, frame: Float32) -> None:
    with pytest.raises(InputError, match=r"uint8 \[96, 96, 3\] RGB, or its embedding"):
        Enhancer(runtime=pass_through()).process(noise(400), [(0.0, frame)])


def test_without_video_the_model_hears_of_none(pass_through: Make) -> None:
    runtime = pass_through()
    Enhancer(runtime=runtime).process(noise(400))
    assert runtime.embeddings == [0, 0]
    assert min(runtime.ages_s) >= 1e6


def test_video_can_be_switched_off_and_on(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    enhancer.process(noise(200), [FIRST, (0.0, crop_of(1))])
    enhancer.video = False
    enhancer.process(noise(200), crop_of(2))
    enhancer.video = True
    enhancer.process(noise(200))
    enhancer.process(noise(200), crop_of(3))
    assert runtime.embeddings == [1, 0, 1, 3]
    assert runtime.encoded == [99, 1, 3]
    assert runtime.ages_s[1] >= 1e6


def test_times_must_not_go_backwards(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through())
    enhancer.process(noise(100), [(0.5, crop_of(1))])
    with pytest.raises(InputError, match="order of time"):
        enhancer.process(noise(100), [(0.4, crop_of(2))])
    with pytest.raises(InputError, match="order of time"):
        enhancer.process(noise(100), [(0.7, crop_of(2)), (0.6, crop_of(3))])
    enhancer.process(noise(100), [(0.55, crop_of(2))])


def test_the_callers_array_may_be_used_again(pass_through: Make) -> None:
    runtime = pass_through()
    enhancer = Enhancer(runtime=runtime)
    crop = crop_of(5)
    enhancer.process(noise(100), [FIRST, (0.0, crop)])
    crop[:] = 6
    enhancer.process(noise(100))
    assert runtime.embeddings == [5]


def test_alpha_is_that_of_the_last_hop_and_mean_alpha_of_all(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through())
    assert enhancer.alpha == enhancer.mean_alpha == 0
    enhancer.process(noise(400), [FIRST, (0.0125, crop_of(1))])  # ages of 0 and 1 hop: alpha 1 and 1/2
    assert enhancer.alpha == pytest.approx(0.5)
    assert enhancer.mean_alpha == pytest.approx(0.75)


def noisy_still(count: int) -> list[tuple[float, Image]]:
    """A photograph as a codec shows it: every video frame differs a little from the one before."""
    random = np.random.default_rng(0)
    still = random.integers(20, 230, (96, 96, 3))
    return [(k / 25, (still + (random.random(still.shape) < 0.2)).astype(np.uint8)) for k in range(count)]


def test_a_photograph_whose_video_frames_differ_by_noise_does_not_count() -> None:
    lips = LipsTimeline(SPEC, lambda crop: np.full(SPEC.embedding_size, 7.0, np.float32))
    lips.add(lips.check(noisy_still(100), 0.0))
    assert all(lips.at(k / 80, True)[1] == NO_VIDEO_AGE_S for k in range(320))


def test_a_face_that_comes_to_rest_stops_to_count_and_counts_again_when_it_moves() -> None:
    lips = LipsTimeline(SPEC, lambda crop: np.full(SPEC.embedding_size, 7.0, np.float32))
    random = np.random.default_rng(1)
    frames = noisy_still(100)
    for k in (*range(25), *range(75, 100)):
        frames[k] = (k / 25, random.integers(0, 256, (96, 96, 3), np.uint8))
    lips.add(lips.check(frames, 0.0))
    ages = np.array([lips.at((k + 0.5) / 25, True)[1] for k in range(100)])
    counts = ages < NO_VIDEO_AGE_S
    assert counts[1:45].all()
    assert not counts[52:75].any()
    assert counts[76:].all()
