"""A live session: devices, camera, model and recorder around one pipeline, and the threads that drive it."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Self

import numpy as np

from ...errors import InputError
from ...models.store.registry import find_parent_folder
from ..calibration.offsets import stored_offset
from ..controls import Controlled, Controls
from ..defaults import AUTO
from ..devices.endpoints import AudioSink, AudioSource
from ..devices.file_endpoints import FileEndpoint, FileSink, FileSource
from ..dsp.clock import Clock, MonotonicClock
from ..enhancer import Enhancer
from ..lips_bound import load_bounded_runtime
from ..offset.watch import OffsetWatch
from ..recording.recorder import Recorder
from ..recording.recording import RecordingInfo
from ..runtimes import chosen_runtime
from ..runtimes.base import Runtime, StreamSpec
from .camera_watch import CameraWatch, MakeCamera, camera_maker
from .config import LiveConfig, LiveLatency
from .endpoints import choose_endpoints, watch_over
from .pipeline import LivePipeline
from .remarks import Remarks
from .stats import DeviceState, LiveStats
from .threads import LiveError, SessionThreads
from .watchdog import ListenerWatch

__all__ = ["LiveError", "LiveSession"]

#: The monitor looks after drift, devices and camera so often.
TICK_S = 0.2
#: What devices, camera and threads are given to end; a sound server that hangs may take longer.
RELEASE_S = 1.2

Tell = Callable[[str], None]


class LiveSession(Controlled):
    """Microphone and camera in, clean voice out, for as long as it runs. A context manager::

        with LiveSession(LiveConfig(camera=0)) as session:
            session.atten_limit_db = 24.0
            session.wait(60.0)
            print(session.stats().pipeline.latency.added_ms)

    The sound does not wait for the camera, which joins when it is ready; whatever becomes of it, the sound
    goes on.
    A device that is lost is opened again when it is back. Controls are properties, may be set from any
    thread and at any time, and take effect without a click; `stats` and `latency` are there from `start` on.

    Args:
        config: what to do; None: default devices, no camera.
        source: in place of the configuration's input.
        sink: in place of its output.
        camera: makes what fills the mailbox of lips, in place of its camera.
        runtime: a stream of a model, in place of its model and runtime; taken as it is, without a bound on
            its lips.
        clock: by which everything is timed; must be in step with `time.perf_counter`.
        on_message: told, on any thread, in one line what goes on; None: the logger ``lipstream.live`` is.

    Raises:
        InputError: an attenuation limit that is no number of dB from 0.
    """

    def __init__(
        self,
        config: LiveConfig | None = None,
        *,
        source: AudioSource | None = None,
        sink: AudioSink | None = None,
        camera: MakeCamera | None = None,
        runtime: Runtime | None = None,
        clock: Clock | None = None,
        on_message: Tell | None = None,
    ) -> None:
        self._config = config = config or LiveConfig()
        self.controls = Controls(config.atten_limit_db)
        self._given = source, sink
        self._runtime = runtime
        self._clock = clock or MonotonicClock()
        self._tell = on_message or logging.getLogger("lipstream.live").info
        encoder = config.model if runtime is None else None
        self._make_camera = camera or camera_maker(config.camera, config.face_model, encoder, self._tell)
        self._threads = SessionThreads()
        self._remarks = Remarks(self._tell)
        self._started = False
        self._started_s = 0.0
        self._ends_s = inf
        self._recorder: Recorder | None = None
        self._offset: OffsetWatch | None = None
        self._open = ExitStack()

    def start(self) -> None:
        """Open everything and begin.

        Raises:
            InputError: a device, file, model or folder that is not there or not usable.
        """
        with ExitStack() as opened:
            opened.callback(self._threads.ended.set)
            self._begin(opened)
            self._open = opened.pop_all()

    def stop(self) -> None:
        """End: devices are free within two seconds, and files whole when it returns; idempotent.

        It takes longer where a slow disk has a part of a recording still to write. The output file of a
        session that failed is removed: a part of it would look like the whole.
        """
        self._open.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the session to end by itself (see `LiveConfig.duration_s`).

        Returns:
            Whether it has ended.

        Raises:
            LiveError: it has, because a part of it failed.
            InputError: it has, because a file in place of a device failed.
        """
        ended = self._threads.ended.wait(timeout_s)
        if self._threads.failure is not None:
            raise self._threads.failure
        return ended

    @property
    def mute(self) -> bool:
        """Whether the output is silent; a recording goes on."""
        return self.controls.mute

    @mute.setter
    def mute(self, mute: bool) -> None:
        self.controls.mute = mute

    @property
    def latency(self) -> LiveLatency:
        """The delay declared, by stage; what it is at present is in `stats`.

        Raises:
            InputError: the session has not started.
        """
        self._require_started()
        return self._pipeline.latency

    def stats(self) -> LiveStats:
        """How it goes; also after the end.

        Raises:
            InputError: the session has not started.
        """
        self._require_started()
        recorder = self._recorder
        return LiveStats(
            running_s=self._clock.now() - self._started_s,
            input=_state(self._source),
            output=_state(self._sink),
            pipeline=self._pipeline.stats(),
            camera=self._camera.status(),
            bypass=self.bypass,
            mute=self.mute,
            video=self.video,
            atten_limit_db=self.atten_limit_db,
            restarts=self._watchdog.restarts,
            recorded_s=recorder.seconds if recorder is not None and recorder.active else None,
            listened=self._listener.listened,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _require_started(self) -> None:
        if not self._started:
            raise InputError("the session has not started: call start(), or use it in a with-block")

    def _begin(self, opened: ExitStack) -> None:
        """Build and start all parts; what ends them goes on the stack, to be called in reverse."""
        config = self._config
        if self._runtime is None and find_parent_folder(config.model) is not None:
            raise InputError(
                f"model '{config.model}' hears seconds at a time: it is for files, with lipstream enhance"
            )
        self._source, self._sink = choose_endpoints(config, *self._given, self._tell)
        chosen = chosen_runtime(config.model, config.runtime)
        runtime = self._runtime or load_bounded_runtime(
            config.model, chosen, ready=self._make_camera is not None
        )
        self._enhancer = Enhancer(runtime=runtime, sample_rate=self._source.info.rate, controls=self.controls)
        offset_ms = _camera_offset_ms(config)
        if self._make_camera is not None:
            self._offset = OffsetWatch(self._enhancer, config.av_offset_ms == AUTO, offset_ms)
        self._pipeline = LivePipeline(
            self._enhancer,
            self._source.info,
            self._sink.info,
            config.pipeline(camera_offset_ms=offset_ms),
            self._clock,
            threads=True,
        )
        crops = runtime.spec.lips == "crops"
        self._camera = CameraWatch(self._make_camera, runtime.encode_lips if crops else None, self._tell)
        self._tell(f"model {runtime.spec.name} on {chosen}: {self._pipeline.latency.text()}")
        if config.record is not None:
            self._recorder = self._recorder_in(config.record, chosen, runtime.spec)
            opened.callback(self._end_recording, self._recorder)
        self._watchdog = watch_over(self._source, self._sink, self._pipeline, self._clock, self._tell)
        self._listener = ListenerWatch(self._sink, self._clock)
        opened.callback(self._threads.end, RELEASE_S, self._watchdog.close, self._camera.close)
        opened.callback(self._drop_unfinished)
        self._started = True
        self._started_s = self._clock.now()
        self._ends_s = self._started_s + config.duration_s
        self._threads.start("audio worker", self._pipeline.work, lambda: self._pipeline.idle_s, urgent=True)
        self._watchdog.start()
        self._threads.start("monitor", self._monitor, lambda: TICK_S)

    def _recorder_in(self, folder: Path, runtime: str, spec: StreamSpec) -> Recorder:
        enhancer, config = self._enhancer, self._config
        info = RecordingInfo(
            sample_rate=enhancer.sample_rate,
            model=config.model,
            runtime=runtime,
            atten_limit_db=enhancer.atten_limit_db,
            latency_samples=enhancer.latency_samples,
            embedding_size=spec.embedding_size,
            lips=spec.lips,
        )
        if self._make_camera is not None and spec.lips == "crops":
            # It writes them with OpenCV: loaded later, that would hold up the sound.
            with suppress(ImportError):
                import_module("cv2")
        recorder = Recorder(folder, info, self._tell)
        self._pipeline.on_enhanced = recorder.take
        self._tell(f"recording to {folder}")
        return recorder

    def _drop_unfinished(self) -> None:
        """Called before the devices stop: a part of an output file would look like the whole."""
        if self._threads.failure is not None and isinstance(self._sink, FileSink):
            self._sink.abandon()
            self._tell(f"{self._sink.info.name} was not finished: what there was of it is removed")

    def _end_recording(self, recorder: Recorder) -> None:
        """Called when the worker has ended, or was left behind."""
        self._pipeline.on_enhanced = None
        broken = self._threads.failure is not None or self._threads.running
        recorder.close(np.zeros(0, np.float32) if broken else self._enhancer.flush())

    def _monitor(self) -> None:
        """A turn of the monitor."""
        if not self._camera.opened and (mailbox := self._camera.open()) is not None:
            self._pipeline.lips = mailbox
        self._pipeline.tick()
        self._camera.look()
        self._look_at_files()
        if self._threads.ended.is_set():  # a file that failed is no device to wait for
            return
        self._watchdog.look()
        self._listener.look()
        now_s = self._clock.now()
        self._remarks.look(now_s - self._started_s, self._pipeline.stats(), self._source)
        if self._offset is not None:
            self._offset.look(now_s - self._started_s, self._tell)
        if now_s >= self._ends_s:
            self._threads.ended.set()

    def _look_at_files(self) -> None:
        """A file in place of a device has an end, and is not opened again."""
        for endpoint in (self._source, self._sink):
            if isinstance(endpoint, FileEndpoint) and endpoint.failure is not None:
                self._threads.fail(endpoint.failure)
        if isinstance(self._source, FileSource) and self._source.finished:
            # What is on its way still comes out.
            drained_s = self._clock.now() + self._pipeline.latency.total_ms / 1000
            self._ends_s = min(self._ends_s, drained_s)


def _camera_offset_ms(config: LiveConfig) -> float:
    """How late the camera is when the session starts."""
    if isinstance(config.av_offset_ms, int | float):
        return config.av_offset_ms
    return 1000 * stored_offset(config.camera) if config.camera is not None else 0.0


def _state(endpoint: AudioSource | AudioSink) -> DeviceState:
    return DeviceState(endpoint.info.name, endpoint.info.rate, endpoint.alive)
