"""Sessions: sound flows through real threads, one part's trouble is told once, and nothing ever hangs."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.core.arrays import Float32
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.live.buffers import playback
from lipstream.stream.live.camera_watch import Camera, CameraWatch, Encode
from lipstream.stream.live.config import LiveConfig
from lipstream.stream.live.session import LiveError, LiveSession
from lipstream.stream.recording.recording import replay
from lipstream.stream.runtimes.base import Runtime
from lipstream.stream.video.camera.status import CameraState, CameraStatus, LipsMailbox
from lipstream.tests.stream.live.stage import BLOCK, RATE, FakeCamera, Stage, noise
from lipstream.tests.stream.waiting import until

Make = Callable[..., Runtime]


@pytest.fixture
def stage(pass_through: Make) -> Callable[..., Stage]:
    return lambda runtime=None, **config: Stage(runtime or pass_through(), LiveConfig(**config))


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("lipstream")}


@pytest.fixture
def failing(pass_through: Make, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime that works for 20 hops and then raises."""
    runtime = pass_through()
    process_hop, done = runtime.process_hop, iter(range(20))

    def process(*arguments: Any) -> tuple[Float32, float]:
        if next(done, None) is None:
            raise ZeroDivisionError("out of luck")
        return process_hop(*arguments)

    monkeypatch.setattr(runtime, "process_hop", process)
    return runtime


def test_a_sink_that_finds_too_little_waits_for_the_worker(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage()
    with on.session as session:
        assert until(lambda: np.abs(on.play(noise(0.1))).max() > 0.3)
        monkeypatch.setattr(playback, "PATIENCE", 1e4)
        before = session.stats().pipeline.output_underruns

        def fetch() -> None:
            for block in np.zeros((60, BLOCK), np.float32):
                on.sink.play(block)

        sink = threading.Thread(target=fetch)
        sink.start()
        sink.join(0.3)
        assert sink.is_alive()  # all that was ready is played
        while sink.is_alive():
            on.source.play(noise(BLOCK / RATE))
            time.sleep(BLOCK / RATE)
        assert session.stats().pipeline.output_underruns == before


def test_what_is_heard_comes_out_and_all_ends_well(stage: Callable[..., Stage]) -> None:
    on = stage()
    with on.session as session:
        assert until(lambda: np.abs(on.play(noise(0.1))).max() > 0.3)
        assert session.stats().pipeline.input_dbfs > -20
        stats = session.stats()
        assert (stats.input.name, stats.output.name, stats.camera is None) == ("mic", "phones", False)
        assert session.latency.added_ms > 25
        assert json.loads(json.dumps(stats.as_dict(), allow_nan=False))["pipeline"]["target_ms"] > 25
        assert not session.wait(0.0)
    assert session.wait(0.0)
    assert not on.source.alive
    assert not on.sink.alive
    assert on.camera is not None
    assert on.camera.closed
    session.stop()
    assert until(lambda: not threads())
    assert on.says("model pass-through")


def test_controls_change_while_it_runs(stage: Callable[..., Stage]) -> None:
    on = stage(atten_limit_db=20.0)
    with on.session as session:
        assert session.atten_limit_db == 20.0
        session.bypass = session.mute = True
        session.video = False
        session.atten_limit_db = 6.0
        stats = session.stats()
        assert (stats.bypass, stats.mute, stats.video, stats.atten_limit_db) == (True, True, False, 6.0)
        with pytest.raises(InputError, match="atten_limit_db"):
            session.atten_limit_db = -1.0
        assert session.atten_limit_db == 6.0


@pytest.mark.parametrize("lips", ["crops", "landmarks"])
def test_lips_reach_the_model_and_a_recording_can_be_replayed(
    stage: Callable[..., Stage], pass_through: Make, tmp_path: Path, lips: str
) -> None:
    runtime = pass_through(lips=lips)
    on = stage(runtime, record=tmp_path / "take")
    sound = noise(1.0)
    with on.session as session:
        assert until(lambda: on.camera is not None)
        assert on.camera is not None
        for index, start in enumerate(range(0, len(sound), 10 * BLOCK)):
            on.camera.see(index + 1)
            on.play(sound[start : start + 10 * BLOCK])
        assert until(lambda: (session.stats().recorded_s or 0) > 0.9)
    noisy, _ = soundfile.read(tmp_path / "take" / "noisy.wav", dtype="float32")
    clean, _ = soundfile.read(tmp_path / "take" / "clean.wav", dtype="float32")
    rows = np.load(tmp_path / "take" / "lips.npy")
    assert len(rows) > 3
    assert len(noisy) == len(clean)
    again = pass_through(lips=lips)
    np.testing.assert_array_equal(replay(tmp_path / "take", Enhancer(sample_rate=RATE, runtime=again)), clean)
    # Not only the same sound: the same lips at the same hops, with the same age.
    assert again.embeddings == runtime.embeddings  # type: ignore[attr-defined]
    assert again.ages_s == runtime.ages_s  # type: ignore[attr-defined]
    assert max(again.embeddings) > 3  # type: ignore[attr-defined]


def test_an_exception_in_the_worker_ends_the_session_with_one_line(
    stage: Callable[..., Stage], failing: Runtime, tmp_path: Path
) -> None:
    on = stage(failing, record=tmp_path / "take")
    with on.session as session:
        on.play(noise(1.0))
        with pytest.raises(LiveError, match=r"audio worker failed \(ZeroDivisionError: out of luck\)"):
            session.wait(20.0)
    assert not on.source.alive
    assert until(lambda: not threads())
    # All that went through before is there: less than a block beyond the last of the 20 hops.
    assert 20 * 200 <= soundfile.info(tmp_path / "take" / "noisy.wav").frames <= 20 * 200 + BLOCK


def test_an_exception_in_the_monitor_ends_the_session_with_one_line(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(camera: FakeCamera) -> CameraStatus:
        raise KeyError("state")

    monkeypatch.setattr(FakeCamera, "status", fail)
    on = stage()
    with on.session as session, pytest.raises(LiveError, match="monitor failed"):
        session.wait(20.0)


def test_a_sink_that_does_not_open_is_an_input_error_and_leaves_nothing(
    stage: Callable[..., Stage], tmp_path: Path
) -> None:
    (tmp_path / "takes").mkdir()
    on = stage(record=tmp_path / "takes" / "monday" / "first")
    on.sink.refuses = "phones are not plugged in: plug them in"
    with pytest.raises(InputError, match="plug them in"):
        on.session.start()
    assert not on.source.alive
    assert until(lambda: not threads())
    assert [path.name for path in tmp_path.rglob("*")] == ["takes"]


def test_before_the_start_it_says_what_to_do(stage: Callable[..., Stage]) -> None:
    session = stage().session
    for ask in (session.stats, lambda: session.latency):
        with pytest.raises(InputError, match=r"call start\(\)"):
            ask()


def test_stop_comes_back_while_a_device_hangs(stage: Callable[..., Stage]) -> None:
    on = stage()
    on.session.start()
    on.source.may_stop.clear()
    on.session.stop()
    assert on.source.alive
    assert not on.sink.alive
    on.source.may_stop.set()


def test_without_video_the_sound_goes_on(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(encode: Encode | None, mailbox: LipsMailbox) -> Camera:
        raise InputError("video needs OpenCV: pip install 'lipstream[video]'")

    on = stage()
    on.session._make_camera = missing
    with on.session as session:
        assert until(lambda: on.says("no video, audio-only: video needs OpenCV"))
        assert until(lambda: np.abs(on.play(noise(0.1))).max() > 0.3)
        assert session.stats().camera is None


def test_a_camera_that_opens_while_the_session_ends_is_closed_again() -> None:
    made: list[FakeCamera] = []

    def make(encode: Encode | None, mailbox: LipsMailbox) -> Camera:
        watch.close()
        made.append(FakeCamera(encode, mailbox))
        return made[0]

    watch = CameraWatch(make, lambda crop: np.zeros(512, np.float32), lambda line: None)
    watch.open()
    assert made[0].closed


def test_what_becomes_of_the_camera_is_told(stage: Callable[..., Stage]) -> None:
    on = stage()
    with on.session:
        assert until(lambda: on.says("camera tracking"))
        assert on.camera is not None
        on.camera.state, on.camera.reason = CameraState.LOST, "no video frames for 2 s"
        assert until(lambda: on.says("camera lost: no video frames for 2 s"))
        on.camera.state, on.camera.reason = CameraState.TRACKING, ""
        assert until(lambda: sum("camera tracking" in line for line in on.said) == 2)


def test_an_input_that_gives_what_is_no_sound_is_told_so_once(stage: Callable[..., Stage]) -> None:
    on = stage()
    with on.session as session:
        assert until(lambda: on.play(np.full(BLOCK, 1e30)) is not None and on.says("absurd values"))
        assert until(lambda: np.abs(on.play(noise(0.1))).max() > 0.3)
        assert session.stats().pipeline.input_damaged
    assert sum("absurd values" in line for line in on.said) == 1


def test_a_computer_that_is_too_slow_is_told_so_once(
    stage: Callable[..., Stage], pass_through: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipstream.stream.live.remarks.SETTLED_S", 0.0)
    runtime = pass_through()
    process_hop = runtime.process_hop

    def slow(*arguments: Any) -> tuple[Float32, float]:
        time.sleep(0.03)  # a hop lasts 12.5 ms
        return process_hop(*arguments)

    monkeypatch.setattr(runtime, "process_hop", slow)
    on = stage(runtime)
    with on.session:
        assert until(lambda: on.play(noise(0.1)) is not None and on.says("too slow or too busy"))
        on.play(noise(0.5))
    assert sum("too slow" in line for line in on.said) == 1


def test_a_full_disk_ends_the_recording_and_not_the_session(
    stage: Callable[..., Stage], tmp_path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    on = stage(record=tmp_path / "take")
    with on.session as session:
        with small_disk(20_000):
            on.play(noise(1.0))
            assert until(lambda: on.says("recording stopped"))
        assert session.stats().recorded_s is None
        assert until(lambda: np.abs(on.play(noise(0.1))).max() > 0.3)
        assert not session.wait(0.0)
    assert soundfile.info(tmp_path / "take" / "noisy.wav").frames > 1_000


def test_a_file_in_place_of_the_microphone_ends_the_session(pass_through: Make, tmp_path: Path) -> None:
    sound = noise(0.7)
    soundfile.write(tmp_path / "in.wav", sound, RATE, subtype="FLOAT")
    config = LiveConfig(
        input=tmp_path / "in.wav",
        output=tmp_path / "out.wav",
        record=tmp_path / "take",
        max_latency_ms=10_000.0,  # a busy computer drops nothing either
    )
    with LiveSession(config, runtime=pass_through()) as session:
        assert session.wait(30.0)
    noisy, rate = soundfile.read(tmp_path / "take" / "noisy.wav", dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(noisy[160 : len(sound)], sound[160:])  # after the fade in
    assert not noisy[len(sound) :].any()
    assert soundfile.info(tmp_path / "out.wav").frames > len(sound)


def test_a_file_that_cannot_be_read_to_its_end_is_told_and_not_waited_for(
    pass_through: Make, tmp_path: Path
) -> None:
    sound = noise(0.5)
    sound[6_000] = np.nan
    soundfile.write(tmp_path / "in.wav", sound, RATE, subtype="FLOAT")
    said: list[str] = []
    config = LiveConfig(input=tmp_path / "in.wav", output=tmp_path / "out.wav")
    with (
        LiveSession(config, runtime=pass_through(), on_message=said.append) as session,
        pytest.raises(InputError, match="NaN"),
    ):
        session.wait(30.0)
    assert not any("waiting for" in line for line in said)
    # Half of a file would look like the whole.
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]
    assert any("out.wav was not finished" in line for line in said)


def test_the_session_ends_after_its_duration(stage: Callable[..., Stage]) -> None:
    with stage(duration_s=0.2).session as session:
        assert session.wait(20.0)
