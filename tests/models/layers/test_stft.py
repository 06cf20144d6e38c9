"""Analysis and synthesis: exact reconstruction at the declared lag, scale, and the state protocol."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.models.config import StftConfig
from lipstream.models.layers.stft import Analysis, Synthesis

Check = Callable[..., None]

HOPS = pytest.mark.parametrize("hop", [100, 200])


def random_wave(samples: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(samples))


def pass_through(wave: Tensor, config: StftConfig) -> Tensor:
    return Synthesis(config)(Analysis(config)(wave)[0])[0]


@HOPS
def test_pass_through_gives_the_wave_back_window_minus_hop_later(hop: int) -> None:
    config = StftConfig(hop=hop)
    lag = config.window - hop
    wave = random_wave(12 * hop)
    out = pass_through(wave, config)
    torch.testing.assert_close(out[:, lag:], wave[:, :-lag], rtol=0, atol=2e-6)
    assert out[:, :lag].abs().max() <= 2e-6


@settings(max_examples=25, deadline=None)
@given(hop=st.integers(1, 12), overlap=st.integers(2, 5), frames=st.integers(1, 8))
def test_any_allowed_window_reconstructs(hop: int, overlap: int, frames: int) -> None:
    hop += hop * overlap % 2  # the window must be even
    config = StftConfig(window=hop * overlap, hop=hop)
    wave = random_wave(frames * hop, batch=1)
    out = pass_through(torch.nn.functional.pad(wave, (0, config.window - hop)), config)
    torch.testing.assert_close(out[:, config.window - hop :], wave, rtol=0, atol=1e-5)


@HOPS
@pytest.mark.parametrize("position", [0, 1, 99, 250])
def test_an_impulse_comes_out_where_the_lag_says(hop: int, position: int) -> None:
    config = StftConfig(hop=hop)
    wave = torch.zeros(1, 8 * hop)
    wave[0, position] = 1.0
    out = pass_through(wave, config)[0]
    assert int(out.argmax()) == position + config.window - hop
    assert out.max() == pytest.approx(1.0, abs=1e-6)


@HOPS
def test_analysis_is_torchs_transform_of_windowed_frames(hop: int) -> None:
    config = StftConfig(hop=hop)
    wave = random_wave(6 * hop)
    spectrum, _ = Analysis(config)(wave)
    window = torch.hann_window(config.window).sqrt()
    padded = torch.nn.functional.pad(wave, (config.window - hop, 0))
    expected = torch.stft(padded, config.window, hop, window=window, center=False, return_complex=True)
    expected = expected.transpose(1, 2) / window.square().sum().sqrt()
    found = torch.complex(spectrum[:, 0], spectrum[:, 1])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@HOPS
def test_white_noise_of_unit_power_has_bins_of_unit_power(hop: int) -> None:
    config = StftConfig(hop=hop)
    spectrum, _ = Analysis(config)(random_wave(300 * hop))
    power = spectrum.square().sum(1)
    assert power.mean() == pytest.approx(1.0, abs=0.05)
    assert power.mean((0, 1)).min() > 0.5
    assert power.mean((0, 1)).max() < 1.7


@HOPS
def test_synthesis_steps_and_chunks_give_one_pass(hop: int, assert_streams: Check) -> None:
    config = StftConfig(hop=hop)
    spectrum = torch.randn(2, 2, 12, config.bins, generator=torch.Generator().manual_seed(1))

    class Framed(Synthesis):
        """Its output as frames, ``[B, T, hop]``, for the check."""

        def forward(self, spectrum: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            wave, state = super().forward(spectrum, state)
            return wave.unflatten(1, (-1, hop)), state

    assert_streams(Framed(config), spectrum, time=2, out_time=1)


@HOPS
def test_analysis_steps_and_chunks_give_one_pass(hop: int, assert_streams: Check) -> None:
    class Framed(Analysis):
        """Its input as frames, ``[B, T, hop]``, for the check."""

        def forward(self, wave: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return super().forward(wave.flatten(1), state)

    frames = random_wave(12 * hop).unflatten(1, (-1, hop))
    assert_streams(Framed(StftConfig(hop=hop)), frames, time=1, out_time=2)


def test_a_length_that_is_no_multiple_of_the_hop_is_refused() -> None:
    with pytest.raises(ValueError, match="250 samples are no multiple of the hop, 200"):
        Analysis(StftConfig())(torch.zeros(1, 250))


def test_no_buffer_is_stored_with_the_weights() -> None:
    assert Analysis(StftConfig()).state_dict() == {}
    assert Synthesis(StftConfig()).state_dict() == {}
