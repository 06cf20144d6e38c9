"""What cannot be is refused before anything is opened."""

from math import nan
from pathlib import Path
from typing import Any

import pytest

from lipstream import InputError
from lipstream.stream.defaults import AvOffset
from lipstream.stream.live.config import LiveConfig


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channel": 0}, "at least 1"),
        ({"sample_rate": 4_000}, "6000 to 192000"),
        ({"block": 0}, "1 to 8192"),
        ({"duration_s": 0.0}, "above 0"),
        ({"duration_s": nan}, "above 0"),
        ({"max_latency_ms": -1.0}, "max_latency_ms"),
        ({"av_align_ms": 5_000.0}, "av_align_ms"),
        ({"virtual_mic": True, "output": "Headphones"}, "leave the output away"),
        ({"input": Path("a.wav"), "output": Path("a.wav")}, "the input as well"),
    ],
)
def test_a_value_out_of_reach_is_told_with_the_fix(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        LiveConfig(**options)


def test_the_pipeline_gets_what_is_about_delay() -> None:
    pipeline = LiveConfig(low_latency=True, max_latency_ms=80.0, av_align_ms=120.0).pipeline(60.0)
    assert (pipeline.low_latency, pipeline.max_latency_ms) == (True, 80.0)
    assert (pipeline.av_align_ms, pipeline.camera_offset_ms) == (120.0, 60.0)


@pytest.mark.parametrize("offset", [None, "auto", -120.0])
def test_an_offset_of_the_camera_is_a_number_or_auto(offset: AvOffset | None) -> None:
    assert LiveConfig(camera=0, av_offset_ms=offset).av_offset_ms == offset


@pytest.mark.parametrize("offset", ["automatic", 1e6, float("nan")])
def test_another_offset_is_refused(offset: Any) -> None:
    with pytest.raises(InputError, match="offset_ms must be"):
        LiveConfig(camera=0, av_offset_ms=offset)
