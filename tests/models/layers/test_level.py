"""The input level: a decaying mean of power, the same loudness for the network however loud the speaker."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.models.layers import level as module
from lipstream.models.layers.level import InputLevel, decaying_sum

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
