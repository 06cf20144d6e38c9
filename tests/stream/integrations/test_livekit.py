"""The processor inside a real LiveKit audio stream, and driven as the stream drives it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lipstream import InputError

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


def test_closed_it_lets_frames_pass_and_the_next_stream_finds_nothing_of_the_last(
    make_processor: type[Any],
) -> None:
    processor = make_processor()
    frame = frame_of(noise(800))
    processor._process(frame)
    processor._on_stream_info_cleared()
    assert not np.asarray(processor._process(frame).data[:400]).any()
    processor._close()
    assert not processor.enabled
    assert processor._process(frame) is frame


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
