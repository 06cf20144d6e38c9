"""What the user is told of the camera: the most fundamental trouble first."""

import pytest

from lipstream.stream.dsp.clock import ManualClock
from lipstream.stream.video.camera.diagnosis import CameraLimits, Observed, RateMeter, judge
from lipstream.stream.video.camera.grabber import GrabberStatus
from lipstream.stream.video.camera.status import CameraState
from lipstream.stream.video.frames import Sight

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
