"""Latency settings are checked, and the stages add up."""

from typing import Any

import pytest

from lipstream import InputError
from lipstream.stream.live.config import LiveLatency, PipelineConfig


@pytest.mark.parametrize(
    "bad",
    [
        {"max_latency_ms": 0.0},
        {"max_latency_ms": float("nan")},
        {"av_align_ms": -1.0},
        {"av_align_ms": 1001.0},
        {"camera_offset_ms": float("nan")},
    ],
)
def test_values_out_of_range_are_refused_by_name(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        PipelineConfig(**bad)


def test_low_latency_keeps_less_ready() -> None:
    assert PipelineConfig(low_latency=True).margin_ms < PipelineConfig().margin_ms


def test_the_filling_of_a_block_is_the_devices_and_not_added() -> None:
    latency = LiveLatency(1.0, 2.0, 4.0, 8.0, input_wait_ms=16.0, devices_ms=32.0)
    assert latency.added_ms == 15
    assert latency.total_ms == 63
