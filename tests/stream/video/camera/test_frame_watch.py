"""Repeated, frozen and black frames are told from new ones."""

import numpy as np
import numpy.typing as npt
import pytest

from lipstream.stream.video.camera.frame_watch import FrameWatch
from lipstream.stream.video.frames import Sight, VideoFrame

Image = npt.NDArray[np.uint8]


def noisy(seed: int, brightness: int = 120) -> Image:
    noise = np.random.default_rng(seed).integers(-3, 4, (120, 160, 3))
    return (brightness + noise).astype(np.uint8)


def test_a_sensor_never_repeats_itself() -> None:
    watch = FrameWatch()
    assert {watch.look(VideoFrame(0.04 * k, noisy(k))) for k in range(50)} == {None}


def test_repeated_frames_are_frozen_after_a_while_and_new_again_at_once() -> None:
    watch = FrameWatch(frozen_after_s=2.0)
    still = noisy(0)
    seen = [watch.look(VideoFrame(0.1 * k, still)) for k in range(40)]
    assert seen[0] is None
    assert set(seen[1:19]) == {Sight.REPEATED}
    assert set(seen[21:]) == {Sight.FROZEN}
    assert watch.look(VideoFrame(4.0, noisy(1))) is None


def test_a_driver_that_shows_each_frame_twice_gives_half_as_many_new_ones() -> None:
    watch = FrameWatch()
    seen = [watch.look(VideoFrame(0.033 * k, noisy(k // 2))) for k in range(60)]
    assert seen == [None, Sight.REPEATED] * 30


@pytest.mark.parametrize("spots", [0, 10])
def test_a_covered_lens_is_black_in_spite_of_noise_and_hot_pixels(spots: int) -> None:
    image = noisy(0, brightness=10)
    image[np.random.default_rng(0).integers(0, 120, spots), 0] = 255
    assert FrameWatch().look(VideoFrame(0.0, image)) is Sight.BLACK


def test_a_face_in_a_dark_room_is_not_black() -> None:
    image = noisy(0, brightness=10)
    image[40:80, 60:100] = 60
    assert FrameWatch().look(VideoFrame(0.0, image)) is None


def test_the_size_may_change() -> None:
    watch = FrameWatch()
    watch.look(VideoFrame(0.0, noisy(0)))
    assert watch.look(VideoFrame(0.04, noisy(0)[:60, :80])) is None
