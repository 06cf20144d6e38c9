"""Whatever lips do, the output is within the bound of the audio-only one; without lips it is that one."""

from collections.abc import Callable
from math import log10
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lipstream.core.arrays import Float32, UInt8
from lipstream.models.config import STALE_AGE_S
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.lips_bound import (
    BOUND_DB,
    FADE_HOPS,
    NOTICE,
    SHARE,
    BoundedMix,
    bounded_pool,
    bounded_runtime,
    notice,
)
from lipstream.stream.pool import EnhancerPool
from lipstream.stream.runtimes import load_runtime
from lipstream.tests.stream.faces import face
from lipstream.tests.stream.pass_through_pool import PassThroughPool
from lipstream.tests.stream.test_pool import noise

HOP = 200
Make = Callable[..., Any]
#: Hops of silence, of quiet, loud and absurdly loud sound, of any shape.
HOPS = arrays.arrays(np.float32, (HOP,), elements=st.floats(-1e3, 1e3, width=32))


def rms(samples: npt.NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def assert_bounded(out: Float32, audio: Float32, share: float = SHARE) -> None:
    """The change has at most its share of the level, but for the rounding of float32."""
    assert rms(out.astype(np.float64) - audio) <= share * rms(audio) * (1 + 1e-5) + 1e-12


def crops(count: int, seed: int = 0) -> list[tuple[float, UInt8]]:
    """As many unlike video frames, 25 a second."""
    random = np.random.default_rng(seed)
    return [(k / 25, random.integers(0, 256, (96, 96, 3), np.uint8)) for k in range(count)]


class Adversary:
    """Makes runtimes in turn: an honest one for the audio alone, and one that does its worst with lips."""

    def __init__(self, pass_through: Make, gain: float) -> None:
        self._make, self._gain = pass_through, gain
        self.made: list[Any] = []

    def __call__(self) -> Any:
        self.made.append(self._make(gain=self._gain if self.made else 1.0))
        return self.made[-1]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(HOPS, HOPS, st.booleans()), min_size=1, max_size=20),
    st.sampled_from([0.0, 0.25, SHARE, 1.0]),
)
def test_no_hop_differs_by_more_than_the_share_of_its_level(
    hops: list[tuple[Float32, Float32, bool]], share: float
) -> None:
    mix = BoundedMix(share)
    for audio, helped, counts in hops:
        out = mix.mix(audio, helped, counts)
        assert out.dtype == np.float32
        assert_bounded(out, audio, share)
        assert 0.0 <= mix.gain <= share


def test_the_bound_in_db_is_that_of_the_share() -> None:
    assert pytest.approx(-20 * log10(1 - SHARE), abs=0.05) == BOUND_DB


def test_lips_that_mute_take_six_db_and_come_in_without_a_step() -> None:
    mix, audio = BoundedMix(), np.ones(HOP, np.float32)
    out = np.concatenate([mix.mix(audio, np.zeros(HOP, np.float32), True) for _ in range(2 * FADE_HOPS)])
    np.testing.assert_allclose(out[-HOP:], 1 - SHARE, atol=1e-6)
    assert np.abs(np.diff(out)).max() < 2 * SHARE / (FADE_HOPS * HOP)


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_leaves_the_audio_as_it_is_and_lips_fade_in_again(worst: float) -> None:
    mix, audio, helped = BoundedMix(), noise(HOP), np.zeros(HOP, np.float32)
    for _ in range(2 * FADE_HOPS):
        mix.mix(audio, helped, True)
    broken = helped.copy()
    broken[7] = worst
    np.testing.assert_array_equal(mix.mix(audio, broken, True), audio)
    for _ in range(2 * FADE_HOPS):
        out = mix.mix(audio, helped, True)
        assert_bounded(out, audio)
    np.testing.assert_allclose(out, (1 - SHARE) * audio, atol=1e-6)


def test_lips_cannot_bring_back_what_audio_alone_took_away() -> None:
    mix = BoundedMix()
    for _ in range(2 * FADE_HOPS):
        out = mix.mix(np.zeros(HOP, np.float32), noise(HOP), True)
        np.testing.assert_array_equal(out, 0.0)


@pytest.mark.parametrize("gain", [0.0, -1.0, -30.0, 30.0])
@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_an_enhancer_keeps_the_bound_whatever_the_network_makes_of_lips(
    pass_through: Make, gain: float, sample_rate: int
) -> None:
    sound = noise(sample_rate)
    make = Adversary(pass_through, gain)
    bounded = Enhancer(sample_rate=sample_rate, runtime=bounded_runtime(make))
    alone = Enhancer(sample_rate=sample_rate, runtime=pass_through())
    out, audio = bounded.process(sound, crops(25)), alone.process(sound)
    assert bounded.latency == alone.latency
    assert len(make.made) == 2
    assert not np.array_equal(out, audio)
    assert_bounded(out, audio)
    assert rms(out[-sample_rate // 4 :]) >= 0.99 * (1 - SHARE) * rms(audio[-sample_rate // 4 :])


def test_without_lips_no_second_stream_is_made_and_the_output_is_the_audio_only_one(
    pass_through: Make,
) -> None:
    make = Adversary(pass_through, 0.0)
    sound = noise(16_000)
    bounded, alone = Enhancer(runtime=bounded_runtime(make)), Enhancer(runtime=pass_through())
    np.testing.assert_array_equal(bounded.process(sound), alone.process(sound))
    assert len(make.made) == 1


def test_when_lips_are_gone_the_output_is_the_audio_only_one_again_and_costs_as_little(
    pass_through: Make,
) -> None:
    make = Adversary(pass_through, 0.0)
    sound = noise(48_000)
    bounded, alone = Enhancer(runtime=bounded_runtime(make)), Enhancer(runtime=pass_through())
    out, audio = bounded.process(sound, crops(25)), alone.process(sound)
    # The last video frame is of 0.96 s; it ages for half a second, and its effect fades over 0.1 s.
    gone = round((0.96 + STALE_AGE_S) * 16_000) + (FADE_HOPS + 3) * HOP
    np.testing.assert_array_equal(out[gone:], audio[gone:])
    assert not np.array_equal(out[8_000:16_000], audio[8_000:16_000])
    assert len(make.made[1].ages_s) < 130  # of 240 hops


class Poisoned:
    """A pass-through runtime whose state is no number once it has been ten hops on its way, until a reset."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self.spec, self.state_bytes = runtime.spec, 0
        self.encode_lips = runtime.encode_lips
        self.resets = -1
        self.reset()

    def reset(self) -> None:
        self._runtime.reset()
        self._hops = 0
        self.resets += 1

    def process_hop(self, *given: Any) -> tuple[Float32, float]:
        out, alpha = self._runtime.process_hop(*given)
        self._hops += 1
        return (out, alpha) if self._hops < 10 else (np.full_like(out, np.nan), np.nan)


def test_a_network_that_breaks_down_on_lips_is_begun_again(pass_through: Make) -> None:
    sound = noise(16_000)
    adversary = Adversary(pass_through, 0.0)
    made: list[Any] = []

    def make() -> Any:
        made.append(Poisoned(adversary()) if made else adversary())
        return made[-1]

    bounded = Enhancer(sample_rate=16_000, runtime=bounded_runtime(make))
    out, audio = bounded.process(sound, crops(25)), Enhancer(runtime=pass_through()).process(sound)
    assert np.isfinite(out).all()
    assert_bounded(out, audio)
    assert np.isfinite(bounded.mean_alpha)
    assert made[1].resets > 3
    assert not np.array_equal(out[8_000:], audio[8_000:])  # lips still count


def test_a_reset_forgets_the_lips(pass_through: Make) -> None:
    sound, lips = noise(16_000), crops(25)
    enhancer = Enhancer(runtime=bounded_runtime(Adversary(pass_through, -1.0), ready=True))
    first = enhancer.process(sound, lips)
    enhancer.reset()
    np.testing.assert_array_equal(enhancer.process(sound, lips), first)
    enhancer.reset()
    alone = Enhancer(runtime=pass_through())
    np.testing.assert_array_equal(enhancer.process(sound), alone.process(sound))


def test_each_stream_of_a_pool_is_bounded_as_alone(pass_through: Make) -> None:
    made: list[PassThroughPool] = []

    def make() -> PassThroughPool:
        made.append(PassThroughPool(pass_through, gain=-3.0 if made else 1.0))
        return made[-1]

    pool = EnhancerPool(3, runtime=bounded_pool(make))
    with_lips, without = pool.join(), pool.join()
    alone = Enhancer(runtime=bounded_runtime(Adversary(pass_through, -3.0)))
    audio_only = Enhancer(runtime=pass_through())
    sound = noise(32_000)
    lips = crops(20)
    for start in range(0, len(sound), 800):
        chunk = sound[start : start + 800]
        seen = [frame for frame in lips if start / 16_000 <= frame[0] < (start + 800) / 16_000]
        out = pool.process({with_lips: chunk, without: chunk}, {with_lips: seen})
        np.testing.assert_array_equal(out[with_lips], alone.process(chunk, seen))
        np.testing.assert_array_equal(out[without], audio_only.process(chunk))
    assert made[1].steps < made[0].steps
    pool.leave(with_lips)
    again = pool.join()
    audio_only.reset()
    np.testing.assert_array_equal(pool.process({again: sound})[again], audio_only.process(sound))


@pytest.mark.parametrize("runtime", ["onnx", "eager", "native"])
def test_the_shipped_lips_leave_sound_alone_without_video_and_are_the_same_each_time(
    runtime: str, request: Any
) -> None:
    request.getfixturevalue("shipped_weights")
    if runtime == "eager":
        pytest.importorskip("torch")
    random = np.random.default_rng(0)
    voice = 0.3 * np.sin(np.cumsum(0.05 + 0.02 * np.sin(np.arange(12_000) / 2_000)))
    sound = (voice + 0.02 * random.standard_normal(12_000)).astype(np.float32)
    enhancer = Enhancer("lite", runtime=runtime)
    audio = Enhancer("lite", runtime=load_runtime("lite", runtime)).process(sound)
    np.testing.assert_array_equal(enhancer.process(sound), audio)
    enhancer.reset()
    lips = [(k / 25, face(10 + 5 * random.standard_normal())) for k in range(19)]
    out = enhancer.process(sound, lips)
    assert enhancer.mean_alpha > 0.0
    assert not np.array_equal(out, audio)
    enhancer.reset()
    np.testing.assert_array_equal(enhancer.process(sound, lips), out)


def test_models_that_see_landmarks_are_neither_bounded_nor_warned_of(pass_through: Make) -> None:
    runtime = pass_through(lips="landmarks")
    assert bounded_runtime(lambda: runtime) is runtime
    pool = PassThroughPool(pass_through, lips="landmarks")
    assert bounded_pool(lambda: pool) is pool
    assert notice("lite") is None
    assert notice("base") == NOTICE
