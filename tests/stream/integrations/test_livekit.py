"""The processor inside a real LiveKit audio stream, and driven as the stream drives it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lipstream import InputError
from lipstream.tests.stream.integrations.conftest import ReadPictures

if TYPE_CHECKING:
    from livekit import rtc


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-20_000, 20_000, count, np.int16)


@pytest.fixture
def make_processor(pass_through_model: None) -> type[Any]:
    """The class of the processor, its models passing through."""
    pytest.importorskip("livekit.rtc")
    from lipstream.stream.integrations.livekit import LipstreamProcessor

    return LipstreamProcessor


def frame_of(samples: np.ndarray, rate: int = 16_000, channels: int = 1) -> "rtc.AudioFrame":
    from livekit import rtc

    return rtc.AudioFrame(samples.tobytes(), rate, channels, len(samples) // channels, userdata={"mark": 1})


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_frame_comes_back_in_its_own_shape(make_processor: type[Any], rate: int, channels: int) -> None:
    processor = make_processor()
    for count in (160, 1, 480, 2_400):
        out = processor._process(frame_of(noise(count * channels), rate, channels))
        assert (out.sample_rate, out.num_channels, out.samples_per_channel) == (rate, channels, count)
        assert out.userdata == {"mark": 1}
    tail = processor.flush()
    assert tail.samples_per_channel == round(processor.latency_ms * rate / 1000)
    assert (tail.sample_rate, tail.num_channels) == (rate, channels)


def test_the_rate_may_change_between_frames(make_processor: type[Any]) -> None:
    processor = make_processor()
    for rate in (48_000, 16_000, 24_000):
        first, second = (np.asarray(processor._process(frame_of(noise(rate // 10), rate)).data) for _ in "ab")
        assert not first[: rate // 50].any()
        assert second.any()


def test_bypass_keeps_the_delay_and_enabling_begins_anew(make_processor: type[Any]) -> None:
    processor = make_processor()
    signal = noise(800)
    processor.bypass = True
    np.testing.assert_array_equal(processor._process(frame_of(signal)).data[400:], signal[:400])
    processor.enabled = False
    frame = frame_of(signal)
    assert processor._process(frame) is frame
    processor.enabled = True
    assert not np.asarray(processor._process(frame).data[:400]).any()


@pytest.mark.parametrize("end", ["_close", "_on_stream_info_cleared"])
def test_when_a_stream_was_closed_the_next_one_is_cleaned_and_finds_nothing_of_it(
    make_processor: type[Any], end: str
) -> None:
    processor = make_processor()
    first = np.asarray(processor._process(frame_of(noise(800))).data)
    for _ in range(2):
        getattr(processor, end)()
        assert processor.enabled
        np.testing.assert_array_equal(processor._process(frame_of(noise(800))).data, first)
    processor.enabled = False
    getattr(processor, end)()
    assert not processor.enabled


@pytest.mark.parametrize(
    ("kind", "order", "rotation"),
    [
        ("RGB24", [0, 1, 2], 0),
        ("RGBA", [0, 1, 2, 0], 1),
        ("BGRA", [2, 1, 0, 0], 2),
        ("ARGB", [0, 0, 1, 2], 3),
        ("ABGR", [0, 2, 1, 0], 0),
    ],
)
def test_pictures_of_a_video_stream_are_read_upright_while_the_audio_stream_is_open(
    make_processor: type[Any], read_pictures: ReadPictures, kind: str, order: list[int], rotation: Any
) -> None:
    from livekit import rtc

    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    data = picture[:, :, order].tobytes()
    event = rtc.VideoFrameEvent(rtc.VideoFrame(6, 4, getattr(rtc.VideoBufferType, kind), data), 0, rotation)

    async def video() -> AsyncIterator[Any]:
        for _ in range(3):
            yield event

    processor = make_processor()
    asyncio.run(processor.watch(video()))
    assert (read_pictures.loaded, read_pictures.closed) == (1, 1)
    assert len(read_pictures) == 3
    np.testing.assert_array_equal(read_pictures[-1], np.rot90(picture, -rotation))
    processor._process(frame_of(noise(800)))
    assert processor._pcm._lips_s == 0.0
    processor._close()
    processor.see(event.frame)
    assert len(read_pictures) == 3  # nobody speaks
    processor._process(frame_of(noise(800)))
    processor.video = False
    processor.see(event.frame)
    assert len(read_pictures) == 3
    processor.video = True
    processor.see(event.frame)
    assert len(read_pictures) == 4


def test_what_a_native_video_stream_gives_is_read(
    make_processor: type[Any], read_pictures: ReadPictures
) -> None:
    from livekit import rtc

    picture = np.zeros((4, 6, 3), np.uint8) + np.array([250, 20, 90], np.uint8)
    rgb = rtc.VideoFrame(6, 4, rtc.VideoBufferType.RGB24, picture.tobytes())
    processor = make_processor()
    processor.see(rgb.convert(rtc.VideoBufferType.I420))
    np.testing.assert_allclose(read_pictures[0].astype(int), picture, atol=5)
    with pytest.raises(InputError, match="format of a picture must be I420, RGB24"):
        processor.see(rtc.VideoFrame(6, 4, rtc.VideoBufferType.NV12, bytes(36)))


def test_wrong_settings_and_rates_are_told(make_processor: type[Any]) -> None:
    with pytest.raises(InputError, match="atten_limit_db"):
        make_processor(atten_limit_db=-1)
    processor = make_processor(atten_limit_db=12)
    with pytest.raises(InputError, match="sample_rate must be from 6000"):
        processor._process(frame_of(noise(100), 4_000))
    processor.atten_limit_db = 6
    assert processor.atten_limit_db == 6


def test_an_audio_stream_gives_the_enhanced_sound() -> None:
    pytest.importorskip("livekit.rtc")
    script = Path(__file__).with_name("livekit_stream.py")
    result = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, timeout=120)
    assert json.loads(result.stdout) == {"heard_is_given": True, "given_is_enhanced": True}
