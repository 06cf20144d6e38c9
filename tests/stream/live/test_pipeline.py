"""The live pipeline in simulated time: what it plays, its controls, and how it takes trouble."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import Enhancer, InputError
from lipstream.core.arrays import Float32
from lipstream.stream.devices.endpoints import EndpointInfo
from lipstream.stream.dsp.clock import ManualClock
from lipstream.stream.live.pipeline import LATENESS_S, POLL_S, LivePipeline, PipelineConfig
from lipstream.stream.live.simulation import DeviceTiming
from lipstream.stream.video.frames import LipFrame

Make = Callable[..., Any]


class Heard:
    """An observer that writes down what goes into an enhancer and what comes out."""

    def __init__(self) -> None:
        self.noisy, self.clean = np.zeros((2, 0), np.float32)

    def __call__(self, noisy: Float32, clean: Float32, lips: LipFrame | None) -> None:
        self.noisy = np.append(self.noisy, noisy)
        self.clean = np.append(self.clean, clean)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 900), st.floats(0, 0.08), st.booleans()), max_size=60)
)
def test_whatever_is_called_when_it_plays_only_what_it_heard(
    pass_through: Make, calls: list[tuple[bool, int, float, bool]]
) -> None:
    clock = ManualClock()
    info = EndpointInfo("device of varying blocks", 16_000, 0, 0.0, "clock")
    pipeline = LivePipeline(Enhancer(runtime=pass_through()), info, info, clock=clock)
    pipeline.on_enhanced = heard = Heard()
    for captures, count, pause_s, ticks in calls:
        clock.sleep(pause_s)
        block = np.full(count, 0.5, np.float32)
        if captures:
            pipeline.capture(block, clock.now())
            pipeline.work()
        else:
            pipeline.render(block, clock.now())
            assert np.abs(block).max(initial=0) <= 0.8
        if ticks:
            pipeline.tick()
    np.testing.assert_array_equal(heard.clean, Enhancer(runtime=pass_through()).process(heard.noisy))


@pytest.mark.parametrize("model", ["pass-through", "shipped"])
def test_what_comes_out_is_the_offline_enhancement_of_what_went_in(
    simulate: Make, pass_through: Make, shipped_weights: Any, model: str
) -> None:
    if model == "shipped":
        if not shipped_weights.is_file():
            pytest.skip("no shipped weights")
        from lipstream.stream.runtimes import load_runtime

        runtimes = [load_runtime("lite"), load_runtime("lite")]
    else:
        runtimes = [pass_through(), pass_through()]
    stream = simulate(block=233, source_timing=DeviceTiming(ppm=150), runtime=runtimes[0])
    stream.pipeline.on_enhanced = heard = Heard()
    stream.run(2.0, worker_stalls=[(0.8, 1.3)])
    assert len(heard.noisy) < 1.6 * 16_000  # the rest fell to the stall
    np.testing.assert_array_equal(Enhancer(runtime=runtimes[1]).process(heard.noisy), heard.clean)


def span(stream: Any, from_s: float, to_s: float) -> Float32:
    begin, end = np.searchsorted(stream.sink.times_s, [from_s, to_s])
    samples: Float32 = stream.sink.played[begin:end]
    return samples


def roughness(samples: Float32) -> float:
    """The largest second difference, over that of a 440 Hz tone at 0.5."""
    return float(np.abs(np.diff(samples, 2)).max() / (0.5 * (2 * np.pi * 440 / 16_000) ** 2))


def test_bypass_and_limit_take_effect_at_once_and_without_a_click(simulate: Make, pass_through: Make) -> None:
    stream = simulate(runtime=pass_through(gain=0.1)).run(3)
    assert np.abs(span(stream, 2.5, 3.0)).max() == pytest.approx(0.05, rel=0.01)
    stream.pipeline.controls.bypass = True
    stream.run(4)
    assert np.abs(span(stream, 3.2, 4.0)).max() == pytest.approx(0.5, rel=0.01)
    stream.pipeline.controls.bypass = False
    stream.pipeline.controls.atten_limit_db = 6.0
    stream.run(5)
    assert np.abs(span(stream, 4.2, 5.0)).max() == pytest.approx(0.5 * (0.1 + 0.9 * 10**-0.3), rel=0.02)
    assert roughness(span(stream, 2.5, 5.0)) < 1.5
    assert stream.pipeline.controls.atten_limit_db == 6.0
    assert not stream.pipeline.controls.bypass


def test_mute_is_quick_and_soft_and_everything_goes_on_meanwhile(simulate: Make) -> None:
    always, muted = simulate().run(2), simulate().run(2)
    muted.pipeline.controls.mute = True
    always.run(3)
    muted.run(3)
    muted.pipeline.controls.mute = False
    always.run(4)
    muted.run(4)
    assert not span(muted, 2.06, 3.03).any()
    np.testing.assert_array_equal(span(muted, 3.1, 4.0), span(always, 3.1, 4.0))
    assert roughness(span(muted, 1.5, 4.0)) < 6
    assert roughness(np.where(np.arange(8_000) < 4_000, span(always, 1, 1.5), 0)) > 15


class Box:
    """Shows a frame each 40 ms, so much after its capture; its embedding is its time of capture."""

    def __init__(self, clock: ManualClock, late_s: float) -> None:
        self._clock, self._late_s = clock, late_s

    def newest_since(self, sequence: int) -> LipFrame | None:
        newest = int((self._clock.now() - self._late_s) // 0.04)
        if newest <= sequence or newest < 0:
            return None
        return LipFrame(newest, 0.04 * newest, embedding=np.full(512, 0.04 * newest, np.float32))


@pytest.mark.parametrize("av_align_ms", [0.0, 100.0])
def test_lips_count_from_their_capture_in_the_time_of_the_sound(
    simulate: Make, pass_through: Make, av_align_ms: float
) -> None:
    runtime = pass_through()
    config = PipelineConfig(av_align_ms=av_align_ms, camera_offset_ms=20)
    stream = simulate(runtime=runtime, source_timing=DeviceTiming(ppm=100, jitter_s=0.002), config=config)
    stream.pipeline.lips = Box(stream.clock, late_s=0.08)
    stream.run(4)
    hops = np.arange(len(runtime.ages_s))
    # The sound starts when the first block does; a frame is 20 ms older than it says.
    sound_s = (hops + 1) * 200 / (16_000 * 1.0001)
    frames_s = np.array(runtime.embeddings) - 0.02
    late = slice(160, None)
    np.testing.assert_allclose(np.array(runtime.ages_s)[late], (sound_s - frames_s)[late], atol=0.003)
    ages_s = np.array(runtime.ages_s)[late]
    assert ages_s.min() > -1e-9
    assert ages_s.max() < 0.04 + (0.013 if av_align_ms else 0.14)


def test_without_video_no_lips_are_heard_of(simulate: Make, pass_through: Make) -> None:
    runtime = pass_through()
    stream = simulate(runtime=runtime)
    stream.pipeline.lips = Box(stream.clock, late_s=0.08)
    stream.pipeline.controls.video = False
    stream.run(1)
    assert not stream.pipeline.controls.video
    assert not any(runtime.embeddings)


def test_the_worker_may_sleep_until_the_next_block_is_due_and_looks_often_if_it_is_late(
    simulate: Make,
) -> None:
    stream = simulate(source_timing=DeviceTiming(jitter_s=0.001)).run(5.0)
    pipeline, clock, late_s = stream.pipeline, stream.clock, LATENESS_S
    clock.advance_to(stream.source.next_s)
    stream.source.fire()
    assert pipeline.idle_s == POLL_S, "a block waits"
    pipeline.work()
    assert pipeline.idle_s == pytest.approx(0.01 + late_s, abs=0.001)
    clock.sleep(0.006)
    assert pipeline.idle_s == pytest.approx(0.004 + late_s, abs=0.001)
    clock.sleep(0.006)
    assert pipeline.idle_s == POLL_S, "the block is late"


def test_the_worker_looks_often_before_the_first_block(simulate: Make) -> None:
    assert simulate().pipeline.idle_s == POLL_S


def test_an_exception_comes_out_of_the_turn_and_the_next_goes_on(
    simulate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = simulate().run(5)
    process = Enhancer.process

    def fail(*_: Any) -> Float32:
        raise RuntimeError("the model fell over")

    monkeypatch.setattr(Enhancer, "process", fail)
    with pytest.raises(RuntimeError, match="fell over"):
        stream.run(6)
    monkeypatch.setattr(Enhancer, "process", process)
    stream.run(10)
    assert np.abs(stream.errors_ms(from_s=8)).max() < 4
    assert np.abs(span(stream, 9, 10)).max() > 0.49


def test_an_overflow_of_the_input_is_counted_and_got_over(simulate: Make) -> None:
    stream = simulate().run(10, worker_stalls=[(3.0, 6.0)])
    assert stream.stats[-1].input_overflows > 50
    assert stream.stats[-1].output_underruns == 1
    assert np.abs(stream.errors_ms(from_s=8)).max() < 3
    assert roughness(span(stream, 1.0, 10.0)) < 12


@pytest.mark.parametrize("damage", [np.nan, -np.inf, 1e30])
def test_what_is_no_sound_becomes_silence_and_is_counted(simulate: Make, damage: float) -> None:
    def signal(times_s: npt.NDArray[np.float64]) -> Float32:
        sound = (0.5 * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)
        sound[(times_s > 3.0) & (times_s < 3.1)] = damage
        return sound

    stream = simulate(signal=signal).run(6)
    assert 5 <= stream.stats[-1].input_damaged <= 12
    played = span(stream, 1.0, 6.0)
    assert np.abs(played).max() < 0.6
    assert np.abs(span(stream, 4.0, 6.0)).max() > 0.49
    assert stream.stats[-1].output_underruns == 0


def test_the_statistics_tell_levels_and_cost(simulate: Make, pass_through: Make) -> None:
    stats = simulate(runtime=pass_through(gain=0.1)).run(3).stats[-1]
    assert stats.input_dbfs == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)
    assert stats.output_dbfs == pytest.approx(stats.input_dbfs - 20, abs=0.1)
    assert stats.rtf == stats.hop_p50_ms == 0  # simulated time stands still while a hop is computed
    assert stats.fill_ms == pytest.approx(stats.target_ms, abs=12.5)


def test_an_enhancer_of_another_rate_is_refused(pass_through: Make) -> None:
    info = EndpointInfo("microphone", 48_000, 480, 0.0, "clock")
    with pytest.raises(InputError, match="make it with sample_rate=48000"):
        LivePipeline(Enhancer(runtime=pass_through()), info, info)
