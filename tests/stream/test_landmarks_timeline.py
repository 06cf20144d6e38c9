"""Which landmarks count when: seen at ticks, by time stamp, older from hop to hop until something moves."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import Enhancer, EnhancerPool, InputError
from lipstream.core.arrays import Float32
from lipstream.models.lips.points import TICK_S
from lipstream.stream.landmarks_timeline import REST_S, LandmarksTimeline
from lipstream.stream.lips_input import Image
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S, StreamSpec
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.conftest import PassThrough
from lipstream.tests.stream.faces import EYES, face
from lipstream.tests.stream.pass_through_pool import PassThroughPool

Make = Callable[..., Any]
SPEC = StreamSpec("none", 16_000, 400, 200, 10, 96, "landmarks")
#: What a stream begins with, so that the next landmarks show that something moves.
FIRST: tuple[float, Image] = (0.0, face(99))


def noise(count: int) -> Float32:
    return np.random.default_rng(0).uniform(-0.5, 0.5, count).astype(np.float32)


class Watched:
    """A timeline, and what its encoder saw: the mark of the face and its age."""

    def __init__(self, frames: Sequence[tuple[float, Image]]) -> None:
        self.seen: list[tuple[float, float]] = []
        self.timeline = LandmarksTimeline(SPEC, self._see)
        self.timeline.add(self.timeline.check(frames, 0.0))

    def _see(self, landmarks: Float32, age_s: float) -> Float32:
        self.seen.append((float(landmarks[0, 0]), age_s))
        return np.full(SPEC.embedding_size, landmarks[0, 0], np.float32)

    def ages_s(self, hops: int, start: int = 0) -> list[float]:
        return [self.timeline.at((hop + 1) * 0.0125, True)[1] for hop in range(start, start + hops)]


def test_each_tick_sees_the_newest_landmarks_and_a_hop_gets_their_cue_with_their_age(
    pass_through: Make,
) -> None:
    runtime = pass_through(lips="landmarks")
    enhancer = Enhancer(runtime=runtime)
    assert enhancer.lips == "landmarks"
    frames = [FIRST, (0.0, face(5)), (0.03, face(10)), (0.05, face(15)), (0.06, face(20))]
    enhancer.process(noise(1400), frames)
    # Ticks at 0, 40 and 80 ms; hops end at 12.5, 25, 37.5, 50, 62.5, 75, 87.5 ms.
    np.testing.assert_allclose(runtime.seen, [(5, 0.0), (10, 0.01), (20, 0.02)], atol=1e-9)
    assert runtime.embeddings == [5, 5, 5, 10, 10, 10, 20]
    expected = [0.0125, 0.025, 0.0375, 0.02, 0.0325, 0.045, 0.0275]
    np.testing.assert_allclose(runtime.ages_s, expected, atol=1e-9)


def test_a_camera_of_any_rate_is_seen_25_times_a_second() -> None:
    for fps in (10, 24, 30, 60):
        watched = Watched([(k / fps, face(5.0 * (k % 7))) for k in range(3 * fps)])
        watched.ages_s(160)
        assert len(watched.seen) == pytest.approx(2 / TICK_S, abs=0.1 / TICK_S + 1)
        assert max(age_s for _, age_s in watched.seen) < 1 / fps + 1e-6


@settings(deadline=None, max_examples=40)
@given(
    times_s=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20).map(sorted),
    cuts=st.lists(st.integers(0, 16_800), max_size=6).map(sorted),
)
def test_landmarks_never_count_before_their_time_however_the_sound_is_cut(
    times_s: list[float], cuts: list[int]
) -> None:
    frames: list[tuple[float, Image]] = [(time_s, face(5.0 * k)) for k, time_s in enumerate(times_s)]
    runtimes = [PassThrough(lips="landmarks") for _ in range(2)]
    whole, pieces = (Enhancer(runtime=runtime) for runtime in runtimes)
    whole.process(noise(16_800), frames)
    pieces.process(noise(0), frames)
    for piece in np.split(noise(16_800), cuts):
        pieces.process(piece)
    assert runtimes[0].seen == runtimes[1].seen
    assert runtimes[0].ages_s == runtimes[1].ages_s
    first_tick = round(1.04 / TICK_S) + 1 - len(runtimes[0].seen)
    for tick, (mark, age_s) in enumerate(runtimes[0].seen, first_tick):
        newest = max(k for k, time_s in enumerate(times_s) if time_s <= tick * TICK_S + 1e-6)
        assert mark == 5.0 * newest
        assert age_s == pytest.approx(tick * TICK_S - times_s[newest], abs=2e-6)


def test_a_photograph_does_not_count_nor_what_trembles_by_no_more_than_one() -> None:
    random = np.random.default_rng(0)

    def trembling(size: float) -> Float32:
        return face(5) + (size * EYES * random.standard_normal((44, 3))).astype(np.float32)

    still = Watched([(k * TICK_S, trembling(0.0005)) for k in range(50)])
    assert set(still.ages_s(160)) == {NO_VIDEO_AGE_S}
    assert still.seen == []
    alive = Watched([(k * TICK_S, trembling(0.02)) for k in range(50)])
    assert max(alive.ages_s(150)[8:]) < 0.1


def test_a_face_that_stops_moving_grows_older_until_it_moves_again() -> None:
    frames = [(k * TICK_S, face(5.0 * min(k, 10))) for k in range(50)]
    frames += [(k * TICK_S, face(5.0 * k)) for k in range(50, 60)]
    ages_s = Watched(frames).ages_s(190)
    times_s = 0.0125 * np.arange(1, 191)
    at_rest = (times_s >= 0.4) & (times_s < 2.0)
    np.testing.assert_allclose(np.array(ages_s)[at_rest], times_s[at_rest] - 0.4, atol=1e-6)
    assert max(ages_s[160:]) < 2 * TICK_S


def test_a_head_that_only_nods_is_alive() -> None:
    frames = [(k * TICK_S, face(5) + np.full((44, 3), 1.5 * (k % 2), np.float32)) for k in range(25)]
    assert max(Watched(frames).ages_s(70)[8:]) < 2 * TICK_S


def test_zeros_are_no_face() -> None:
    frames = [FIRST, (0.0, face(5)), *((k * TICK_S, np.zeros((44, 3), np.float32)) for k in range(1, 20))]
    watched = Watched(frames)
    np.testing.assert_allclose(watched.ages_s(40), 0.0125 * np.arange(1, 41), atol=1e-9)
    assert {mark for mark, _ in watched.seen} == {5}


def test_the_encoder_rests_without_video_and_after_it() -> None:
    assert Watched([]).ages_s(400) == [NO_VIDEO_AGE_S] * 400
    watched = Watched([FIRST, (0.0, face(5))])
    watched.ages_s(400)
    assert len(watched.seen) == round(REST_S / TICK_S)
    later = LipFrame(1, 5.0, landmarks=face(10))
    watched.timeline.add([later])
    watched.ages_s(4, start=400)
    assert watched.seen[-1][0] == 10


def test_video_can_be_switched_off_and_on(pass_through: Make) -> None:
    runtime = pass_through(lips="landmarks")
    enhancer = Enhancer(runtime=runtime)
    enhancer.process(noise(640), [FIRST, (0.0, face(5))])
    enhancer.video = False
    enhancer.process(noise(640), face(10))
    assert set(runtime.ages_s[4:]) == {NO_VIDEO_AGE_S}
    enhancer.video = True
    enhancer.process(noise(640), face(15))
    enhancer.process(noise(640))
    assert 10 not in runtime.embeddings
    assert runtime.embeddings[-1] == 15


def test_lip_frames_and_the_callers_own_arrays_are_taken(pass_through: Make) -> None:
    runtime = pass_through(lips="landmarks")
    enhancer = Enhancer(runtime=runtime)
    landmarks = face(5)
    enhancer.process(noise(100), [LipFrame(1, 0.0, landmarks=face(99)), (0.0, landmarks)])
    landmarks[:] = 7
    enhancer.process(noise(100))
    assert runtime.embeddings == [5]


@pytest.mark.parametrize(
    "lips",
    [
        np.zeros((96, 96, 3), np.uint8),
        np.zeros(512, np.float32),
        face().astype(np.float64),
        face()[:43],
    ],
    ids=["crop", "embedding", "float64", "short"],
)
def test_what_is_no_landmarks_is_refused_before_anything_changes(pass_through: Make, lips: Any) -> None:
    runtime = pass_through(lips="landmarks")
    enhancer = Enhancer(runtime=runtime)
    with pytest.raises(InputError, match=r"sees face landmarks.*float32 \[44, 3\].*lipstream\.LipReader"):
        enhancer.process(noise(400), [FIRST, (0.0, lips)])
    assert runtime.ages_s == []
    enhancer.process(noise(200), [FIRST, (0.0, face(5))])
    assert runtime.embeddings == [5]


@pytest.mark.parametrize("value", [np.nan, np.inf, 2e5])
def test_landmarks_that_no_picture_has_are_refused(pass_through: Make, value: float) -> None:
    landmarks = face()
    landmarks[7, 2] = value
    with pytest.raises(InputError, match="finite and in pixels"):
        Enhancer(runtime=pass_through(lips="landmarks")).process(noise(400), landmarks)


def test_landmarks_are_refused_by_a_model_that_sees_crops(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through())
    assert enhancer.lips == "crops"
    with pytest.raises(InputError, match=r"sees lip crops.*LipReader\(lips='crops'\)"):
        enhancer.process(noise(400), face())
    with pytest.raises(InputError, match="sees lip crops"):
        enhancer.process(noise(400), [LipFrame(1, 0.0, landmarks=face())])


def test_times_must_not_go_backwards(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through(lips="landmarks"))
    enhancer.process(noise(100), [(0.5, face())])
    with pytest.raises(InputError, match="order of time"):
        enhancer.process(noise(100), [(0.4, face())])
    with pytest.raises(InputError, match="must be finite"):
        enhancer.process(noise(100), [(np.nan, face())])


def test_streams_of_a_pool_see_their_own_landmarks_as_an_enhancer_does(pass_through: Make) -> None:
    runtime = PassThroughPool(pass_through, 2, lips="landmarks")
    pool = EnhancerPool(2, runtime=runtime)
    assert pool.lips == "landmarks"
    one, other = pool.join(), pool.join()
    frames: list[list[tuple[float, Image]]] = [
        [(k / fps, face(5.0 * k + start)) for k in range(10)] for fps, start in ((25, 0), (30, 200))
    ]
    pool.process({one: noise(3200), other: noise(4000)}, {one: frames[0], other: frames[1]})
    for row, count in ((0, 3200), (1, 4000)):
        alone = pass_through(lips="landmarks")
        Enhancer(runtime=alone).process(noise(count), frames[row])
        assert runtime.members[row].seen == alone.seen
        assert runtime.members[row].embeddings == alone.embeddings
        np.testing.assert_allclose(runtime.members[row].ages_s, alone.ages_s, rtol=1e-6)
    with pytest.raises(InputError, match="sees face landmarks"):
        pool.process({one: noise(100)}, {one: np.zeros((96, 96, 3), np.uint8)})
