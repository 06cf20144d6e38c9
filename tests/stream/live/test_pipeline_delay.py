"""The delay of the live pipeline in simulated time: what it declares is what a pulse takes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import InputError
from lipstream.core.arrays import Float32
from lipstream.stream.live.pipeline import PipelineConfig
from lipstream.stream.live.simulation import DeviceTiming

Make = Callable[..., Any]

#: Of microphone and loudspeaker: each kind of device, and a telephone headset on one of the ends.
RATES = [(rate, rate) for rate in (8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)]
RATES += [(8_000, 48_000), (48_000, 8_000)]


def pulse_at(time_s: float) -> Callable[[npt.NDArray[np.float64]], Float32]:
    """A bell of half a millisecond, so that its top is found at any rate."""
    return lambda times_s: np.exp(-(((times_s - time_s) / 0.0005) ** 2)).astype(np.float32)


@pytest.mark.parametrize(("low_latency", "most_ms"), [(False, 60), (True, 45)])
@pytest.mark.parametrize("rates", RATES, ids=str)
def test_a_pulse_is_heard_after_the_declared_delay(
    simulate: Make, rates: tuple[int, int], low_latency: bool, most_ms: float
) -> None:
    stream = simulate(
        rate=rates[0],
        block=rates[0] // 100,
        sink_rate=rates[1],
        sink_block=rates[1] // 100,
        source_timing=DeviceTiming(jitter_s=0.001),
        sink_timing=DeviceTiming(ppm=50, jitter_s=0.001),
        signal=pulse_at(6.0),
        config=PipelineConfig(low_latency=low_latency),
        keep_from_s=6.0,
    ).run(6.3)
    delay_s = stream.sink.times_s[np.argmax(np.abs(stream.sink.played))] - 6.0
    declared = stream.pipeline.latency
    assert 1000 * delay_s == pytest.approx(declared.total_ms, abs=2)
    assert declared.added_ms <= most_ms
    assert declared.devices_ms == pytest.approx(50, abs=1)
    assert declared.total_ms == pytest.approx(declared.added_ms + 10 + 50, abs=1)
    assert stream.stats[-1].latency.total_ms == pytest.approx(declared.total_ms, abs=2)


@settings(deadline=None, max_examples=8)
@given(
    rates=st.sampled_from(
        [(6_000, 6_000), (8_000, 8_000), (16_000, 44_100), (44_100, 16_000), (48_000, 48_000)]
    ),
    blocks_ms=st.tuples(st.floats(2, 60), st.floats(2, 60)),
    av_align_ms=st.sampled_from([0.0, 40.0]),
)
def test_any_rates_and_blocks_keep_the_declared_delay(
    simulate: Make, rates: tuple[int, int], blocks_ms: tuple[float, float], av_align_ms: float
) -> None:
    block, sink_block = (round(ms * rate / 1000) for ms, rate in zip(blocks_ms, rates, strict=True))
    stream = simulate(
        rate=rates[0],
        block=block,
        sink_rate=rates[1],
        sink_block=sink_block,
        signal=pulse_at(4.0),
        config=PipelineConfig(av_align_ms=av_align_ms),
        keep_from_s=4.0,
    ).run(4.0 + 0.4)
    delay_s = stream.sink.times_s[np.argmax(np.abs(stream.sink.played))] - 4.0
    assert 1000 * delay_s == pytest.approx(stream.pipeline.latency.total_ms, abs=max(3.0, *blocks_ms))
    assert stream.stats[-1].output_underruns == stream.stats[20].output_underruns


def test_a_latency_that_the_blocks_alone_exceed_is_refused(simulate: Make) -> None:
    with pytest.raises(InputError, match=r"allow at least 55 ms"):
        simulate(config=PipelineConfig(max_latency_ms=50))
