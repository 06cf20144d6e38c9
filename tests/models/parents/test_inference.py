"""Long recordings go through a parent in windows: what comes out, and how much goes in at once."""

import pytest
import torch
from torch import Tensor, nn

from lipstream.errors import InputError
from lipstream.models import MPSENetConfig
from lipstream.models.parents.inference import SAMPLE_RATE, analyse, enhance_offline, synthesise

CONFIG = MPSENetConfig(channels=4, num_blocks=1, n_fft=64, hop_size=16, win_size=64)


class Halving(nn.Module):
    """Halves the wave, frame by frame, and notes how many frames it was given."""

    config = CONFIG

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[int] = []

    def forward(self, mag: Tensor, pha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.frames.append(mag.shape[2])
        return mag * 0.5**CONFIG.compress_factor, pha, torch.empty(0)


def noise(samples: int) -> Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(samples))


@pytest.mark.parametrize("samples", [1600, 1601, 2400, 5000, 16000])
def test_windows_cover_all_of_a_recording_and_fade_into_each_other(samples: int) -> None:
    model, wave = Halving(), noise(samples)
    enhanced = enhance_offline(model, wave, window_s=0.1, fade_s=0.02)
    assert enhanced.shape == wave.shape
    torch.testing.assert_close(enhanced, 0.5 * wave, rtol=1e-2, atol=1e-3)
    assert set(model.frames) == {1600 // CONFIG.hop_size + 1}


def test_a_recording_as_long_as_a_window_goes_through_at_once() -> None:
    model = Halving()
    enhance_offline(model, noise(10 * SAMPLE_RATE))
    assert model.frames == [10 * SAMPLE_RATE // CONFIG.hop_size + 1]


def test_what_stands_at_a_seam_is_a_mixture_of_both_windows() -> None:
    """Windows that tell their number: the seam goes from one number to the next without a step."""

    class Numbering(Halving):
        def forward(self, mag: Tensor, pha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            gain = float(len(self.frames) + 1) ** CONFIG.compress_factor
            return super().forward(mag, pha)[0] * gain, pha, torch.empty(0)

    wave = torch.cos(torch.arange(2800) * torch.pi / 8)[None]  # in the middle of a bin
    enhanced = enhance_offline(Numbering(), wave, window_s=0.1, fade_s=0.025)[0]
    level = enhanced.unfold(0, 16, 16).square().mean(1).sqrt() / wave.square().mean().sqrt()
    torch.testing.assert_close(level[[10, 50]], torch.tensor([0.5, 0.5]), rtol=2e-2, atol=0.0)
    torch.testing.assert_close(level[[110, 160]], torch.tensor([1.0, 1.0]), rtol=2e-2, atol=0.0)
    assert level.diff().abs()[5:170].max() < 0.05


def test_a_spectrum_with_offsets_comes_back_as_the_wave() -> None:
    wave = noise(1000)
    mag, pha = analyse(wave, CONFIG)
    torch.testing.assert_close(synthesise(mag, pha, CONFIG, 1000), wave, rtol=1e-2, atol=1e-3)


def test_silence_has_a_phase_and_a_magnitude_above_zero() -> None:
    mag, pha = analyse(torch.zeros(1, 200), CONFIG)
    torch.testing.assert_close(mag, torch.full_like(mag, 1e-9**0.15))
    torch.testing.assert_close(pha, torch.full_like(pha, 1e-5))


@pytest.mark.parametrize(("window_s", "fade_s"), [(1.0, 0.6), (1.0, 0.0), (0.001, 0.0005)])
def test_windows_too_short_to_fade_are_refused(window_s: float, fade_s: float) -> None:
    with pytest.raises(InputError, match="too short"):
        enhance_offline(Halving(), noise(500), window_s=window_s, fade_s=fade_s)
