"""The filter inside a real Pipecat pipeline, and driven as transports drive it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np
import pytest

from lipstream import InputError
from lipstream.tests.stream.integrations.conftest import ReadPictures

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, timeout=60))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-20_000, 20_000, count, np.int16)


@pytest.fixture
def make_filter(pass_through_model: None) -> type[Any]:
    """The class of the filter, its models passing through."""
    pytest.importorskip("pipecat")
    from lipstream.stream.integrations.pipecat import LipstreamFilter

    return LipstreamFilter


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_every_call_gives_as_many_bytes_as_it_took(make_filter: type[Any], rate: int) -> None:
    async def work() -> None:
        audio_filter = make_filter()
        await audio_filter.start(rate)
        for count in (320, 0, 1, 977, 4_000):
            assert len(await audio_filter.filter(noise(count).tobytes())) == 2 * count
        assert len(await audio_filter.flush()) == 2 * round(audio_filter.latency_ms * rate / 1000)

    run(work())


def test_disabled_gives_the_input_at_the_same_delay(
    make_filter: type[Any], use_gain: Callable[[float], None]
) -> None:
    from pipecat.frames.frames import FilterEnableFrame

    use_gain(0.0)
    signal = noise(3_200)

    async def work() -> bytes:
        audio_filter = make_filter()
        await audio_filter.start(16_000)
        heard = await audio_filter.filter(signal[:1_600].tobytes())
        await audio_filter.process_frame(FilterEnableFrame(enable=False))
        heard += await audio_filter.filter(signal[1_600:].tobytes())
        await audio_filter.stop()
        return heard

    out = np.frombuffer(run(work()), np.int16)
    assert not out[:1_600].any()
    np.testing.assert_array_equal(out[2_000:], signal[1_600:-400])


def test_settings_change_while_it_runs_and_unknown_ones_are_refused(make_filter: type[Any]) -> None:
    from pipecat.frames.frames import FilterUpdateSettingsFrame

    async def work() -> None:
        audio_filter = make_filter()
        await audio_filter.process_frame(FilterUpdateSettingsFrame(settings={"atten_limit_db": 9}))
        with pytest.raises(InputError, match=r"no settings \['strength'\].*atten_limit_db"):
            await audio_filter.process_frame(FilterUpdateSettingsFrame(settings={"strength": 1}))
        with pytest.raises(InputError, match="atten_limit_db must be at least 0"):
            await audio_filter.process_frame(FilterUpdateSettingsFrame(settings={"atten_limit_db": -1}))

    run(work())


def test_before_start_and_after_stop_sound_passes(make_filter: type[Any]) -> None:
    async def work() -> None:
        audio_filter = make_filter()
        assert await audio_filter.filter(b"1234") == b"1234"
        await audio_filter.start(16_000)
        assert await audio_filter.filter(b"1234") == b"\0\0\0\0"
        await audio_filter.stop()
        assert await audio_filter.filter(b"1234") == b"1234"

    run(work())


def test_started_again_it_works_as_before(make_filter: type[Any]) -> None:
    async def work() -> list[bytes]:
        audio_filter, heard = make_filter(), []
        for _ in range(2):
            await audio_filter.start(16_000)
            heard.append(await audio_filter.filter(noise(900).tobytes()))
            await audio_filter.stop()
        return heard

    first, second = run(work())
    assert any(first)
    assert first == second


@pytest.mark.parametrize(
    ("kind", "order"),
    [("RGB", [0, 1, 2]), ("BGR", [2, 1, 0]), ("RGBA", [0, 1, 2, 0]), ("BGRA", [2, 1, 0, 0])],
)
def test_pictures_are_read_while_the_filter_runs(
    make_filter: type[Any], read_pictures: ReadPictures, kind: str, order: list[int]
) -> None:
    from pipecat.frames.frames import FilterUpdateSettingsFrame, ImageRawFrame

    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    frame = ImageRawFrame(picture[:, :, order].tobytes(), (6, 4), kind)

    async def work() -> None:
        audio_filter = make_filter()
        audio_filter.see(frame)
        assert not read_pictures
        await audio_filter.start(16_000)
        audio_filter.see(frame)
        await audio_filter.process_frame(FilterUpdateSettingsFrame(settings={"video": False}))
        audio_filter.see(frame)
        await audio_filter.stop()

    run(work())
    np.testing.assert_array_equal(read_pictures, [picture])
    assert read_pictures.closed == 1


@pytest.mark.parametrize("kind", ["YUV", None, "RGBA"])
def test_pictures_that_cannot_be_read_are_told(
    make_filter: type[Any], read_pictures: ReadPictures, kind: str | None
) -> None:
    from pipecat.frames.frames import ImageRawFrame

    async def work() -> None:
        audio_filter = make_filter()
        await audio_filter.start(16_000)
        audio_filter.see(ImageRawFrame(bytes(72), (6, 4), kind))

    with pytest.raises(InputError, match=f"6 x 4 of 72 bytes in the format {kind}: let the transport give"):
        run(work())


def test_a_pipeline_hears_the_filtered_sound(make_filter: type[Any]) -> None:
    signal = noise(16_000)
    heard = run(through_a_pipeline(signal, make_filter()))
    np.testing.assert_array_equal(heard[400:], signal[:-400])
    assert not heard[:400].any()


@pytest.mark.parametrize(("source", "seen"), [(None, 2), ("camera", 1)])
def test_the_filter_sees_the_video_that_comes_through_its_pipeline(
    make_filter: type[Any], read_pictures: ReadPictures, source: str | None, seen: int
) -> None:
    from lipstream.stream.integrations.pipecat import LipstreamVideo

    signal, audio_filter = noise(3_200), make_filter()
    heard = run(through_a_pipeline(signal, audio_filter, [LipstreamVideo(audio_filter, source)]))
    assert len(heard) == len(signal)
    assert len(read_pictures) == seen
    assert (read_pictures.loaded, read_pictures.closed) == (1, 1)


async def through_a_pipeline(
    signal: np.ndarray, audio_filter: Any, processors: Sequence[Any] = ()
) -> np.ndarray:
    """What comes out of a Pipecat pipeline whose input transport hears the signal in frames of 20 ms.

    Before, the transport sees a picture of a camera and one of a screen.
    """
    from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, InputImageRawFrame, StartFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
    from pipecat.transports.base_input import BaseInputTransport
    from pipecat.transports.base_transport import TransportParams
    from pipecat.workers.runner import WorkerRunner

    class Microphone(BaseInputTransport):
        async def start(self, frame: StartFrame) -> None:
            await super().start(frame)
            await self.set_transport_ready(frame)
            for source in ("camera", "screenVideo"):
                picture = InputImageRawFrame(bytes(72), (6, 4), "RGB")
                picture.transport_source = source
                await self.push_video_frame(picture)
            for start in range(0, len(signal), 320):
                await self.push_audio_frame(
                    InputAudioRawFrame(signal[start : start + 320].tobytes(), 16_000, 1)
                )

    heard: list[bytes] = []
    everything = asyncio.Event()

    class Listener(FrameProcessor):
        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, InputAudioRawFrame):
                heard.append(frame.audio)
                if sum(map(len, heard)) == signal.nbytes:
                    everything.set()
            await self.push_frame(frame, direction)

    params = TransportParams(audio_in_enabled=True, audio_in_filter=audio_filter, video_in_enabled=True)
    worker = PipelineWorker(
        Pipeline([Microphone(params), *processors, Listener()]),
        params=PipelineParams(audio_in_sample_rate=16_000),
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await everything.wait()
    await worker.queue_frame(EndFrame())
    await running
    return np.frombuffer(b"".join(heard), np.int16)
