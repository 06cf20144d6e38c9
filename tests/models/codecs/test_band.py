"""The band codec: bands that keep their place, a filter that starts as "pass everything", bounded gains."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu import conv as cpu_conv
from lipstream.kernels.cpu import filter as cpu_filter
from lipstream.models.codecs.band import MAX_GAIN, BandDecoder, BandEncoder, DeepFilter
from lipstream.models.config import BandCodecConfig, BandRegion

Check = Callable[..., None]

CHANNELS = 6
CONFIG = BandCodecConfig(features=4, regions=(BandRegion(2, 3), BandRegion(4, 2)), taps=3)
BINS = CONFIG.covered_bins + 1


def randomised(layer: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def random_tensor(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("config", [CONFIG, BandCodecConfig()], ids=["small", "lite"])
def test_every_bin_goes_into_bands_and_comes_back(config: BandCodecConfig) -> None:
    bins = config.covered_bins + 1
    bands, skip = BandEncoder(CHANNELS, config)(random_tensor(2, 3, 5, bins))
    assert bands.shape == (2, CHANNELS, 5, config.bands)
    assert skip.shape == (2, config.features, 5, bins)
    filters = BandDecoder(CHANNELS, config)(bands, skip)
    assert filters.shape == (2, config.taps, 2, 5, bins)


@torch.no_grad()
def test_a_band_hears_its_bins_and_half_a_width_of_each_neighbour() -> None:
    """And two bins more on each side, by the first convolution."""
    encoder = randomised(BandEncoder(CHANNELS, CONFIG))
    x = random_tensor(1, 3, 1, BINS)
    edges, heard = [(0, 2), (2, 4), (4, 6), (6, 10), (10, 14)], []
    for position in range(BINS):
        other = x.clone()
        other[..., position] += 1.0
        heard.append((encoder(x)[0] != encoder(other)[0]).any(dim=1).flatten())
    for band, (start, stop) in enumerate(edges):
        reach = (stop - start) // 2 + 2
        expected = [start - reach <= position < stop + reach for position in range(BINS)]
        assert [bool(row[band]) for row in heard] == expected


@torch.no_grad()
def test_no_frame_of_encoder_or_decoder_hears_another() -> None:
    encoder, decoder = randomised(BandEncoder(CHANNELS, CONFIG)), randomised(BandDecoder(CHANNELS, CONFIG))
    x = random_tensor(1, 3, 5, BINS)
    other = x.clone()
    other[:, :, 2] += 1.0
    changed = (decoder(*encoder(x)) != decoder(*encoder(other))).any(dim=(0, 1, 2)).any(dim=-1)
    assert changed.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("config", [CONFIG, BandCodecConfig(features=2)], ids=["small", "lite"])
def test_gradients_of_the_encoder_are_those_of_its_windows(config: BandCodecConfig) -> None:
    """Which overlap, and reach beyond the first and the last bin."""
    encoder = randomised(BandEncoder(2, config)).double()
    x = random_tensor(1, 3, 1, config.covered_bins + 1).double().requires_grad_()
    assert torch.autograd.gradcheck(encoder, x, fast_mode=True)


@torch.no_grad()
def test_an_untrained_decoder_passes_nearly_everything() -> None:
    torch.manual_seed(0)
    filters = BandDecoder(CHANNELS, CONFIG)(random_tensor(1, CHANNELS, 4, 5), random_tensor(1, 4, 4, BINS))
    spectrum = random_tensor(1, 2, 4, BINS)
    assert (DeepFilter(3, BINS)(spectrum, filters)[0] - spectrum).norm() < 0.3 * spectrum.norm()


@torch.no_grad()
def test_the_bias_alone_is_a_gain_of_exactly_one() -> None:
    decoder = BandDecoder(CHANNELS, CONFIG)
    decoder.taps.weight.zero_()
    filters = decoder(random_tensor(1, CHANNELS, 4, 5), random_tensor(1, 4, 4, BINS))
    spectrum = random_tensor(1, 2, 4, BINS)
    torch.testing.assert_close(DeepFilter(3, BINS)(spectrum, filters)[0], spectrum)


@torch.no_grad()
@pytest.mark.parametrize("loudness", [1.0, 1e3, 1e8])
def test_no_tap_gains_more_than_its_limit(loudness: float) -> None:
    decoder = randomised(BandDecoder(CHANNELS, CONFIG))
    filters = decoder(loudness * random_tensor(1, CHANNELS, 9, 5), loudness * random_tensor(1, 4, 9, BINS))
    impulse = torch.zeros(1, 2, 9, BINS)
    impulse[:, 0, 4] = 1.0
    gains = DeepFilter(3, BINS)(impulse, filters)[0].square().sum(1).sqrt()
    assert torch.isfinite(gains).all()
    assert gains.max() <= 2.56 * (1 + 1e-6)
    assert (gains[:, 4:7].amax(dim=(0, 2)) > 1.5).all()
    assert gains.count_nonzero() == gains[:, 4:7].numel()


def test_the_filter_is_a_complex_sum_over_a_bins_own_past() -> None:
    spectrum, filters = random_tensor(2, 2, 7, BINS), random_tensor(2, 3, 2, 7, BINS)
    y, _ = DeepFilter(3, BINS)(spectrum, filters)
    x, h = torch.complex(*spectrum.unbind(1)), torch.complex(*filters.unbind(2))
    h = h / torch.sqrt(1 + (h.abs() / MAX_GAIN) ** 2)
    expected = torch.zeros_like(x)
    for t in range(7):
        for k in range(min(3, t + 1)):
            expected[:, t] += h[:, k, t] * x[:, t - k]
    torch.testing.assert_close(torch.complex(*y.unbind(1)), expected)


@pytest.mark.parametrize("taps", [1, 2, 4])
def test_the_filter_in_chunks_gives_one_pass(taps: int, assert_same: Check) -> None:
    layer = DeepFilter(taps, BINS)
    spectrum, filters = random_tensor(2, 2, 9, BINS), random_tensor(2, taps, 2, 9, BINS)
    whole, last = layer(spectrum, filters)
    for cuts in ([1] * 9, [2, 3, 4], [8, 1]):
        state, outputs = layer.init_state(2), []
        for piece, weights in zip(spectrum.split(cuts, 2), filters.split(cuts, 3), strict=True):
            y, state = layer(piece, weights, state)
            outputs.append(y)
        assert_same(torch.cat(outputs, dim=2), whole)
        assert torch.equal(state, last)


@pytest.mark.skipif(not cpu_calls.available(), reason="no C++ compiler builds the kernels here")
def test_training_runs_the_compiled_kernels_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, decoder = randomised(BandEncoder(CHANNELS, CONFIG)), randomised(BandDecoder(CHANNELS, CONFIG))
    spectrum, x = random_tensor(2, 2, 4, BINS), random_tensor(2, 3, 4, BINS).requires_grad_()
    parameters = (*encoder.parameters(), *decoder.parameters())

    def results() -> list[Tensor]:
        y, _ = DeepFilter(3, BINS)(spectrum, decoder(*encoder(x)))
        return [y, *torch.autograd.grad(y.square().sum(), (x, *parameters))]

    convolution, deep_filter = Mock(wraps=cpu_conv.frequency_conv), Mock(wraps=cpu_filter.deep_filter)
    monkeypatch.setattr(cpu_conv, "frequency_conv", convolution)
    monkeypatch.setattr(cpu_filter, "deep_filter", deep_filter)
    fast = results()
    assert (convolution.call_count, deep_filter.call_count) == (len(CONFIG.regions) + 3, 1)
    monkeypatch.setattr(cpu_calls, "available", lambda: False)
    for found, expected in zip(fast, results(), strict=True):
        torch.testing.assert_close(
            found, expected, rtol=1e-4, atol=1e-4 * float(expected.detach().abs().max())
        )
    assert deep_filter.call_count == 1


def test_a_spectrum_with_a_gradient_is_filtered_by_torch() -> None:
    spectrum = random_tensor(1, 2, 4, BINS).double().requires_grad_()
    filters = random_tensor(1, 3, 2, 4, BINS).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *x: DeepFilter(3, BINS)(*x)[0], (spectrum, filters), fast_mode=True
    )
