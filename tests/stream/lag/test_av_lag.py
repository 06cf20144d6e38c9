"""The offset of a stream's own lips, by the cues of the shipped model and the clip that ships with it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import Enhancer, InputError
from lipstream.core.arrays import Float32
from lipstream.models.lips.points import POINTS
from lipstream.stream.lag.av_lag import AvLag, HeardSound, offset_of
from lipstream.stream.lag.estimator import Float64
from lipstream.stream.runtimes import load_runtime
from lipstream.stream.video.files import read_lips
from lipstream.stream.video.frames import LipFrame

EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"


@pytest.fixture(scope="module")
def sound() -> Float32:
    samples, _ = soundfile.read(EXAMPLE.with_suffix(".clean.flac"), dtype="float32")
    return np.asarray(samples, np.float32)


@pytest.fixture(scope="module")
def frames() -> list[LipFrame]:
    with closing(read_lips(EXAMPLE)) as read:
        return list(read)


Lips = list[tuple[float, Float32]]


def late(frames: list[LipFrame], late_s: float) -> Lips:
    return [(frame.time_s + late_s, frame.landmarks) for frame in frames if frame.landmarks is not None]


def blocks(sound: Float32, lips: Lips) -> Iterator[tuple[Float32, Lips]]:
    """Blocks of half a second, with the lips that a camera has given by the end of each."""
    for start in range(0, len(sound), 8000):
        end_s = (start + 8000) / 16_000
        yield sound[start : start + 8000], [each for each in lips if end_s - 0.5 < each[0] <= end_s]


@pytest.mark.parametrize("late_ms", [-200.0, 0.0, 300.0])
def test_an_enhancer_tells_how_late_its_lips_are(
    sound: Float32, frames: list[LipFrame], late_ms: float
) -> None:
    enhancer = Enhancer("lite")
    assert enhancer.measured_av_offset_ms is None
    for chunk, lips in blocks(sound, late(frames, late_ms / 1000)):
        enhancer.process(chunk, lips)
    assert enhancer.measured_av_offset_ms == pytest.approx(late_ms, abs=50)
    enhancer.reset()
    assert enhancer.measured_av_offset_ms is None


def test_an_offset_that_is_set_is_taken_off_and_what_is_measured_stays(
    sound: Float32, frames: list[LipFrame]
) -> None:
    lips = late(frames, 0.3)
    right, moved = Enhancer("lite"), Enhancer("lite", av_offset_ms=300.0)
    outputs = []
    for enhancer, given in ((right, late(frames, 0.0)), (moved, lips)):
        outputs.append(np.concatenate([enhancer.process(sound, given), enhancer.flush()]))
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-5)
    assert moved.measured_av_offset_ms == pytest.approx(300, abs=50)
    assert moved.mean_alpha == pytest.approx(right.mean_alpha, abs=0.01)


def test_an_offset_may_change_while_frames_come(sound: Float32, frames: list[LipFrame]) -> None:
    enhancer = Enhancer("lite")
    for number, (chunk, lips) in enumerate(blocks(sound, late(frames, 0.3))):
        enhancer.process(chunk, lips)
        enhancer.av_offset_ms = 100.0 * (number % 4)
    assert enhancer.measured_av_offset_ms == pytest.approx(300, abs=60)


@pytest.mark.parametrize("value", [float("nan"), 1e6, -1e6])
def test_an_offset_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="av_offset_ms must be from"):
        Enhancer("lite", av_offset_ms=value)


def test_a_recording_is_measured_without_being_enhanced(sound: Float32, frames: list[LipFrame]) -> None:
    runtime = load_runtime("lite")
    shown = [LipFrame(k, time_s, landmarks=points) for k, (time_s, points) in enumerate(late(frames, 0.4))]
    estimate = offset_of(shown, [sound], 16_000, runtime, 60.0)
    assert estimate.trusted
    assert estimate.offset_s == pytest.approx(0.4, abs=0.05)


def test_only_the_last_seconds_are_remembered() -> None:
    lag, random = AvLag(16_000, memory_s=2.0), np.random.default_rng(0)
    for k in range(500):
        lag.hear(random.normal(0, 0.1, 640).astype(np.float32))
        lag.see(0.04 * k, random.normal(size=10).astype(np.float32))
    assert 1.5 < lag.estimate().seen_s <= 2.0


def test_a_mouth_goes_with_its_own_sound_better_than_another_does(
    sound: Float32, frames: list[LipFrame]
) -> None:
    heard = HeardSound(16_000)
    times_s, openings = mouth_of(frames)
    assert heard.agreement(times_s, openings) is None, "nothing is heard yet"
    heard.hear(sound)
    assert heard.end_s == pytest.approx(len(sound) / 16_000)
    own, other = heard.agreement(times_s, openings), heard.agreement(times_s, openings[::-1].copy())
    assert own is not None
    assert other is not None
    assert own > other + 0.2
    assert heard.agreement(times_s[:50], openings[:50]) is None, "two seconds are too little"


def test_sound_to_come_changes_nothing(sound: Float32, frames: list[LipFrame]) -> None:
    times_s, openings = mouth_of(frames)
    some, all_of_it = HeardSound(16_000), HeardSound(16_000)
    some.hear(sound[: round(16_000 * times_s[120])])
    all_of_it.hear(sound)
    told = [heard.agreement(times_s[:121], openings[:121]) for heard in (some, all_of_it)]
    assert told[0] == told[1] is not None


def mouth_of(frames: list[LipFrame]) -> tuple[Float64, Float64]:
    faces = np.stack([frame.landmarks for frame in frames if frame.landmarks is not None])
    upper, lower = (faces[:, POINTS.index(point), 1] for point in (13, 14))
    return np.array([frame.time_s for frame in frames]), (lower - upper).astype(np.float64)
