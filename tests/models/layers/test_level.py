"""The input level: a decaying mean of power, the same loudness for the network however loud the speaker."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.models.config import LEVEL_FALL_DB_S, LEVEL_HOLD_S
from lipstream.models.layers import level as module
from lipstream.models.layers.level import InputLevel, decaying_sum, falling_peak

Check = Callable[..., None]

RATE = 80.0
BINS = 5


def noise(frames: int, batch: int = 2) -> Tensor:
    """A spectrum whose bins have unit power."""
    shape = (batch, 2, frames, BINS)
    return torch.randn(shape, generator=torch.Generator().manual_seed(frames)) * math.sqrt(0.5)


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(1, 20), chunk=st.integers(1, 25), decay=st.floats(0.01, 0.999))
def test_decaying_sum_is_the_recurrence_whatever_the_chunk(frames: int, chunk: int, decay: float) -> None:
    generator = torch.Generator().manual_seed(frames)
    x = torch.randn(2, frames, generator=generator, dtype=torch.float64)
    state = torch.randn(2, generator=generator, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", chunk)
        y, last = decaying_sum(x, decay, state)
    expected = []
    for frame in x.unbind(1):
        state = decay * state + frame
        expected.append(state)
    torch.testing.assert_close(y, torch.stack(expected, dim=1))
    torch.testing.assert_close(last, state)


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(1, 20), fall=st.floats(0.01, 0.999))
def test_the_peak_is_the_loudest_frame_after_its_fall(frames: int, fall: float) -> None:
    generator = torch.Generator().manual_seed(frames)
    x, before = torch.rand(2, frames, generator=generator), torch.rand(2, generator=generator)
    y, last = falling_peak(x, fall, before)
    joined = torch.cat([before[:, None], x], dim=1)
    for t in range(frames):
        ages = torch.arange(t + 1, -1, -1)
        torch.testing.assert_close(y[:, t], (joined[:, : t + 2] * fall**ages).amax(1))
    assert torch.equal(last, y[:, -1])


def test_steps_and_chunks_give_one_pass(assert_streams: Check) -> None:
    assert_streams(InputLevel(RATE), noise(23), time=2, out_time=1)


def test_a_long_recording_gives_its_steps(assert_same: Check) -> None:
    """Longer than the chunks of the decaying sum."""
    level, spectrum = InputLevel(RATE), noise(600, batch=1)
    state, gains = level.init_state(1), []
    for frame in spectrum.unbind(2):
        gain, state = level.step(frame, state)
        gains.append(gain)
    assert_same((torch.stack(gains, dim=1), state), level(spectrum))


def test_the_gain_never_sees_the_future(assert_causal: Check) -> None:
    assert_causal(InputLevel(RATE), noise(16), time=2, out_time=1)


@pytest.mark.parametrize("loudness", [0.003, 1.0, 50.0])
def test_speech_of_any_loudness_comes_to_unit_power(loudness: float) -> None:
    spectrum = loudness * noise(400)
    gain, _ = InputLevel(RATE)(spectrum)
    power = (spectrum * gain[:, None, :, None]).square().sum(1)
    assert power[:, 200:].mean() == pytest.approx(1.0, abs=0.1)


def test_the_first_frame_counts_in_full() -> None:
    """The mean starts from the frames there are, not from silence before the start."""
    gain, _ = InputLevel(RATE)(torch.full((1, 2, 1, BINS), 0.1))
    torch.testing.assert_close(gain, torch.tensor([[0.02**-0.5]]), rtol=1e-4, atol=0)


def test_older_frames_fade_with_the_time_constant() -> None:
    spectrum = torch.zeros(1, 2, 1 + int(2.0 * RATE), 1)
    spectrum[..., 0, :] = 1.0
    _, state = InputLevel(RATE, time_constant_s=2.0)(spectrum)
    assert float(state.power) == pytest.approx(2.0 / math.e, rel=1e-5)


def test_silence_has_a_finite_gain_and_is_forgotten() -> None:
    level = InputLevel(RATE, floor_dbfs=-75.0)
    silent, state = level(torch.zeros(2, 2, 50, BINS))
    torch.testing.assert_close(silent, torch.full((2, 50), 10 ** (75.0 / 20)))
    gain, _ = level(noise(1600), state)
    assert float(gain[:, -1].mean()) == pytest.approx(1.0, abs=0.1)


def test_in_pauses_of_words_the_level_is_the_decaying_mean() -> None:
    loudness = torch.ones(200)
    loudness[60:76] = loudness[140:156] = 0.3  # 0.2 s each
    spectrum = noise(200) * loudness[:, None]
    gain, _ = InputLevel(RATE)(spectrum)
    ages = torch.arange(200.0)
    decays = torch.tril(torch.exp(-(ages[:, None] - ages) / (2.0 * RATE)))
    mean = spectrum.square().sum(1).mean(-1) @ (decays / decays.sum(1, keepdim=True)).t()
    torch.testing.assert_close(gain, torch.rsqrt(mean + 10**-7.5))


@pytest.mark.parametrize("loud_db", [20.0, 50.0])
def test_something_loud_is_held_and_then_falls_at_its_pace(loud_db: float) -> None:
    loud, quiet = 10 ** (loud_db / 20) * torch.ones(1, 2, 160, BINS), torch.ones(1, 2, 120, BINS)
    gain, _ = InputLevel(RATE)(0.01 * torch.cat([loud, quiet], dim=2))
    level_db = -20 * torch.log10(gain[0, 160:] * 0.01 * math.sqrt(2.0))  # above that of the quiet frames
    held = round(LEVEL_HOLD_S * RATE) - 1  # the first quiet frame has its own place among those
    falling = (loud_db - LEVEL_FALL_DB_S / RATE * torch.arange(1, 121 - held)).clamp(min=0.0)
    # The mean itself falls by 1.6 dB meanwhile.
    torch.testing.assert_close(level_db[:held], torch.full((held,), loud_db), atol=1.6, rtol=0)
    torch.testing.assert_close(level_db[held + 1 :], falling[1:], atol=0.1, rtol=0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 16, width=32), min_size=1, max_size=60))
def test_no_state_leaves_the_range_of_what_was_heard(loudness: list[float]) -> None:
    spectrum = torch.tensor(loudness).reshape(1, 1, -1, 1).expand(1, 2, -1, BINS)
    gain, state = InputLevel(RATE)(spectrum)
    power = spectrum.square().sum(1).mean(-1)[0]
    most = 1.001 * power.max()
    assert 0 <= state.peak <= most
    assert 0 <= state.power <= most * state.frames
    assert (gain >= torch.rsqrt(most + 10**-7.5)).all()
    assert (gain <= 10 ** (75 / 20) * 1.001).all()
