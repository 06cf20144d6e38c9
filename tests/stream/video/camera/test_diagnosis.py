"""What the user is told of the camera: the most fundamental trouble first."""

import numpy as np
import numpy.typing as npt
import pytest

from lipstream.stream.dsp.clock import ManualClock
from lipstream.stream.video.camera.diagnosis import CameraLimits, FrameWatch, Observed, RateMeter, judge
from lipstream.stream.video.camera.grabber import GrabberStatus
from lipstream.stream.video.camera.status import CameraState
from lipstream.stream.video.frames import Sight, VideoFrame

Image = npt.NDArray[np.uint8]

CONNECTED = GrabberStatus(connected=True, grabbed=100)
UNPLUGGED = GrabberStatus(problem="the camera gives no more video frames", grabbed=100)


def observed(
    problem: str = "",
    grabber: GrabberStatus = CONNECTED,
    frame_age_s: float | None = 0.03,
    lips_age_s: float | None = 0.03,
    sight: Sight | None = None,
    fps: float | None = 25.0,
) -> Observed:
    return Observed(problem, grabber, frame_age_s, lips_age_s, sight, fps)


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (observed(), CameraState.TRACKING, ""),
        (observed(fps=None), CameraState.TRACKING, ""),
        (observed(fps=5.0), CameraState.TRACKING, "only 5 frames a second"),
        (observed(grabber=GrabberStatus(), frame_age_s=None, lips_age_s=None), CameraState.STARTING, ""),
        (
            observed(grabber=GrabberStatus(problem="camera 0 does not open"), frame_age_s=None),
            CameraState.LOST,
            "camera 0 does not open",
        ),
        (observed(grabber=UNPLUGGED), CameraState.LOST, "no more video frames"),
        (observed(frame_age_s=3.0, lips_age_s=3.0), CameraState.LOST, "no video frames for 3 s"),
        (observed(lips_age_s=0.2, sight=Sight.NO_FACE), CameraState.TRACKING, ""),
        (observed(lips_age_s=0.9, sight=Sight.NO_FACE), CameraState.NO_FACE, "no face"),
        (observed(lips_age_s=None, sight=Sight.NO_MOUTH), CameraState.NO_FACE, "too far away"),
        (observed(lips_age_s=9.0, sight=Sight.BLACK), CameraState.BLACK, "lens"),
        (observed(lips_age_s=9.0, sight=Sight.FROZEN), CameraState.FROZEN, "repeats"),
        (observed(problem="landmarks failed", grabber=UNPLUGGED), CameraState.FAILING, "landmarks failed"),
    ],
)
def test_state_and_reason(seen: Observed, state: CameraState, reason: str) -> None:
    found, told = judge(seen, CameraLimits())
    assert found is state
    assert reason in told
    assert bool(told) == bool(reason)


def test_rate_is_measured_and_falls_to_zero_and_comes_back_whole() -> None:
    clock = ManualClock()
    meter, count, rates = RateMeter(clock), 0, []
    for k in range(1000):  # 25 a second, none from 10 s to 20 s
        clock.advance_to(k * 0.04)
        count += not 10 <= clock.now() < 20
        meter.update(count)
        rates.append(meter.rate)
    assert rates[10] is None
    assert rates[200] == pytest.approx(25, abs=1)
    assert rates[400] == 0
    assert rates[560] == pytest.approx(25, abs=1)


@pytest.mark.parametrize("bad", [{"lost_after_s": 0.0}, {"no_face_after_s": -1.0}, {"slow_below_fps": -1.0}])
def test_bad_limits_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        CameraLimits(**bad)


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
