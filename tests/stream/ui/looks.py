"""One look at a session, to be changed by tests."""

from lipstream.stream.live.config import LiveLatency
from lipstream.stream.live.stats import DeviceState, LiveStats, PipelineStats
from lipstream.stream.video.camera.status import CameraState, CameraStatus

LATENCY = LiveLatency(
    align_ms=0.0, enhancer_ms=28.0, varispeed_ms=0.5, buffer_ms=25.0, input_wait_ms=10.0, devices_ms=40.0
)
PIPELINE = PipelineStats(
    input_dbfs=-23.4,
    output_dbfs=-31.2,
    alpha=0.72,
    hop_p50_ms=2.1,
    hop_p99_ms=4.04,
    rtf=0.18,
    input_overflows=1,
    input_damaged=0,
    output_underruns=2,
    latency_cuts=0,
    drift_ppm=12.3,
    fill_ms=35.0,
    target_ms=35.0,
    latency=LATENCY,
)
STATS = LiveStats(
    running_s=3_723.9,
    input=DeviceState("Microphone", 44_100, alive=True),
    output=DeviceState("Headphones", 48_000, alive=True),
    pipeline=PIPELINE,
    camera=CameraStatus(CameraState.TRACKING, "", 24.8, 0.04, 93, 0, 0),
    bypass=False,
    mute=False,
    video=True,
    atten_limit_db=100.0,
    restarts=0,
    recorded_s=None,
)
