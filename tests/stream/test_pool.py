"""A pool's promise: each stream gets what an Enhancer of its own would give it, whatever the others do."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import InputError
from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.pool import EnhancerPool
from lipstream.tests.stream.pass_through_pool import ROOM, Make, PassThroughPool


def noise(count: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


def crop_of(value: int) -> UInt8:
    return np.full((96, 96, 3), value, np.uint8)


class Twins:
    """A pool, and beside it an Enhancer for each of its streams, fed alike."""

    def __init__(self, pool: EnhancerPool, alone: Callable[[], Enhancer]) -> None:
        self.pool, self._alone = pool, alone
        self.enhancers: dict[int, Enhancer] = {}
        self._random = np.random.default_rng(0)

    def join(self) -> int:
        stream = self.pool.join()
        self.enhancers[stream] = self._alone()
        return stream

    def leave(self, stream: int) -> None:
        self.pool.leave(stream)
        del self.enhancers[stream]

    def reset(self, stream: int) -> None:
        self.pool.reset(stream)
        self.enhancers[stream].reset()

    def turn(self, stream: int, control: str, value: float) -> None:
        for controls in (self.pool.controls(stream), self.enhancers[stream]):
            setattr(controls, control, value)

    def _draw_lips(self) -> Float32 | UInt8:
        if self.pool.lips == "crops":
            return self._random.integers(0, 256, (96, 96, 3), dtype=np.uint8)
        return self._random.uniform(200, 400, (44, 3)).astype(np.float32)

    def process(self, sizes: dict[int, int], filmed: set[int], atol: float) -> None:
        """The same noise, and lips for those that are filmed, to both; the same comes out."""
        chunks = {
            stream: self._random.uniform(-0.3, 0.3, size).astype(np.float32) for stream, size in sizes.items()
        }
        lips = {stream: self._draw_lips() for stream in filmed}
        outputs = self.pool.process(chunks, lips)
        assert outputs.keys() == chunks.keys()
        for stream, output in outputs.items():
            expected = self.enhancers[stream].process(chunks[stream], lips.get(stream))
            np.testing.assert_allclose(output, expected, rtol=0, atol=atol)
            assert self.pool.alpha(stream) == pytest.approx(self.enhancers[stream].alpha, abs=max(atol, 1e-6))


@settings(deadline=None, max_examples=60)
@given(data=st.data(), rate=st.sampled_from([8_000, 16_000, 44_100]))
def test_each_stream_gets_what_it_would_get_alone(pass_through: Make, data: st.DataObject, rate: int) -> None:
    twins = Twins(
        EnhancerPool(ROOM, sample_rate=rate, runtime=PassThroughPool(pass_through)),
        lambda: Enhancer(sample_rate=rate, runtime=pass_through()),
    )
    for _ in range(data.draw(st.integers(1, 12))):
        present = sorted(twins.enhancers)
        deeds = ["join"] * (len(present) < ROOM) + ["leave", "reset", "set", *["process"] * 4] * bool(present)
        deed = data.draw(st.sampled_from(deeds))
        if deed == "join":
            twins.join()
        elif deed == "process":
            sizes = data.draw(st.dictionaries(st.sampled_from(present), st.integers(0, 1_500)))
            filmed = data.draw(st.sets(st.sampled_from(sorted(sizes)))) if sizes else set()
            twins.process(sizes, filmed, atol=0)
        elif deed == "set":
            control = data.draw(st.sampled_from(["bypass", "video", "atten_limit_db"]))
            twins.turn(data.draw(st.sampled_from(present)), control, data.draw(st.sampled_from([0, 1])))
        else:
            getattr(twins, deed)(data.draw(st.sampled_from(present)))


@pytest.mark.usefixtures("shipped_weights")
@pytest.mark.parametrize(("runtime", "atol"), [("native", 0), ("onnx", 1e-5)])
def test_so_it_is_with_the_real_network(runtime: str, atol: float) -> None:
    if runtime == "native" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler builds the native runtime here")
    twins = Twins(EnhancerPool(ROOM, runtime=runtime), lambda: Enhancer(runtime=runtime))
    first, second = twins.join(), twins.join()
    twins.process({first: 900, second: 1_350}, {second}, atol)
    third = twins.join()
    twins.turn(second, "atten_limit_db", 12)
    twins.process({third: 450, first: 100, second: 700}, {first, third}, atol)
    twins.leave(first)
    fourth = twins.join()
    twins.process({second: 1_000, fourth: 1_000}, {second}, atol)
    twins.turn(fourth, "bypass", True)
    twins.reset(second)
    twins.process({second: 1_000, third: 601, fourth: 1_500}, {fourth}, atol)


def test_hops_that_are_due_are_stepped_together(pass_through: Make) -> None:
    runtime = PassThroughPool(pass_through)
    pool = EnhancerPool(ROOM, runtime=runtime)
    streams = [pool.join() for _ in range(ROOM)]
    pool.process(dict(zip(streams, [noise(1_000), noise(600), noise(199)], strict=True)))
    assert runtime.steps == 5
    assert [len(member.ages_s) for member in runtime.members] == [5, 3, 0]


def test_a_newcomer_hears_nothing_of_who_sat_there_before(pass_through: Make) -> None:
    pool = EnhancerPool(1, runtime=PassThroughPool(pass_through, streams=1))
    before = pool.join(atten_limit_db=6, bypass=True)
    pool.process({before: noise(777, seed=1)}, {before: [(0.0, crop_of(9)), (1e3, crop_of(9))]})
    pool.leave(before)
    newcomer = pool.join()
    assert newcomer != before
    assert (pool.controls(newcomer).atten_limit_db, pool.controls(newcomer).bypass) == (100, False)
    assert pool.alpha(newcomer) == pool.mean_alpha(newcomer) == 0
    output = pool.process({newcomer: noise(900)})[newcomer]
    np.testing.assert_array_equal(output, Enhancer(runtime=pass_through()).process(noise(900)))


def test_flush_gives_a_stream_its_rest(pass_through: Make) -> None:
    pool = EnhancerPool(ROOM, runtime=PassThroughPool(pass_through))
    stream, waiting = pool.join(), pool.join()
    head = pool.process({stream: noise(1_000)})[stream]
    tail = pool.flush(stream)
    assert len(tail) == pool.latency_samples == pool.latency.total == 400
    np.testing.assert_allclose(np.concatenate([head, tail])[400:], noise(1_000), atol=1e-6)
    assert pool.alpha(waiting) == 0


def test_controls_are_those_of_one_stream(pass_through: Make) -> None:
    pool = EnhancerPool(ROOM, runtime=PassThroughPool(pass_through, gain=0.0))
    muted, limited, bypassed = pool.join(), pool.join(atten_limit_db=20), pool.join()
    pool.controls(bypassed).bypass = True
    with pytest.raises(InputError, match="atten_limit_db"):
        pool.controls(limited).atten_limit_db = -1
    outputs = pool.process(dict.fromkeys((muted, limited, bypassed), noise(2_000)))
    for stream, left in ((muted, 0.0), (limited, 0.1), (bypassed, 1.0)):
        np.testing.assert_allclose(outputs[stream][400:], left * noise(2_000)[:1_600], atol=1e-6)


def test_streams_of_several_rates_are_stepped_together(pass_through: Make) -> None:
    pool = EnhancerPool(ROOM, runtime=PassThroughPool(pass_through))
    rates = {pool.join(sample_rate=rate): rate for rate in (8_000, 44_100)} | {pool.join(): 16_000}
    outputs = pool.process({stream: noise(rate // 4) for stream, rate in rates.items()})
    for stream, rate in rates.items():
        alone = Enhancer(sample_rate=rate, runtime=pass_through())
        np.testing.assert_array_equal(outputs[stream], alone.process(noise(rate // 4)))
        assert pool.latency_of(stream) == alone.latency
        np.testing.assert_array_equal(pool.flush(stream), alone.flush())
    with pytest.raises(InputError, match="sample_rate"):
        EnhancerPool(1, runtime=PassThroughPool(pass_through, streams=1)).join(sample_rate=1_000)


def test_a_full_pool_refuses_until_one_leaves(pass_through: Make) -> None:
    pool = EnhancerPool(2, runtime=PassThroughPool(pass_through, streams=2))
    first, _ = pool.join(), pool.join()
    assert len(pool) == pool.streams == 2
    with pytest.raises(InputError, match="full with 2 streams"):
        pool.join()
    pool.leave(first)
    pool.join()
    assert len(pool) == 2


@pytest.mark.parametrize(
    ("chunks", "lips", "fix"),
    [
        ({0: noise(300), 7: noise(300)}, None, "no stream 7"),
        ({0: noise(300), 1: np.zeros(3)}, None, "float32"),
        ({0: noise(300), 1: np.full(3, np.nan, np.float32)}, None, "NaN"),
        ({0: noise(300)}, {1: crop_of(1)}, "stream 1 came without its chunk"),
        ({0: noise(300), 1: noise(300)}, {1: [(-1.0, crop_of(1)), (-2.0, crop_of(1))]}, "order of time"),
    ],
)
def test_what_one_stream_brings_wrong_changes_nothing_for_any(
    pass_through: Make, chunks: Any, lips: Any, fix: str
) -> None:
    pool, spared = (EnhancerPool(ROOM, runtime=PassThroughPool(pass_through)) for _ in range(2))
    for each in (pool, spared):
        each.join(), each.join()
        each.process({0: noise(250), 1: noise(50)})
    with pytest.raises(InputError, match=fix):
        pool.process(chunks, lips)
    for stream in (0, 1):
        after = {stream: noise(900, seed=2)}
        np.testing.assert_array_equal(pool.process(after)[stream], spared.process(after)[stream])


@pytest.mark.parametrize(
    "call", ["leave", "reset", "flush", "controls", "alpha", "mean_alpha", "limited_samples"]
)
def test_who_left_is_unknown(pass_through: Make, call: str) -> None:
    pool = EnhancerPool(ROOM, runtime=PassThroughPool(pass_through))
    stream = pool.join()
    pool.leave(stream)
    with pytest.raises(InputError, match=f"no stream {stream}"):
        getattr(pool, call)(stream)


@pytest.mark.parametrize("streams", [0, -1, 1.5, "3", None])
def test_a_pool_has_room_for_a_whole_number_of_streams(streams: Any) -> None:
    with pytest.raises(InputError, match="streams must be a whole number from 1"):
        EnhancerPool(streams)


def test_a_runtime_of_another_size_is_refused(pass_through: Make) -> None:
    with pytest.raises(InputError, match="holds 3 streams, not 4"):
        EnhancerPool(4, runtime=PassThroughPool(pass_through))


def test_a_stream_that_was_flushed_is_at_its_end_until_reset(pass_through: Make) -> None:
    pool = EnhancerPool(ROOM, runtime=PassThroughPool(pass_through))
    one, other = pool.join(), pool.join()
    pool.flush(one)
    with pytest.raises(InputError, match="call reset"):
        pool.process({one: noise(9), other: noise(9)})
    pool.reset(one)
    assert len(pool.process({one: noise(9), other: noise(9)})[one]) == 9
