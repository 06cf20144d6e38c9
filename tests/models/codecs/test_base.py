"""Codecs behind one interface: the state protocol, places along frequency, gains, silence."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.codecs.base import BandCodec, Codec, DenseCodec, compress, make_codec
from lipstream.models.config import PRESETS, BandCodecConfig, BandRegion, MixerConfig, ModelConfig, StftConfig
from lipstream.models.state import State, flatten_state, state_names

Check = Callable[..., None]

BINS, CHANNELS = 21, 6
KINDS: Any = ("dense", "separable", "band")
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def make(kind: Any, causal: bool = True) -> Codec:
    """A codec of small sizes with weights unlike those it starts from, so that no part is idle."""
    torch.manual_seed(0)
    config = ModelConfig(
        name="own",
        channels=CHANNELS,
        num_blocks=1,
        codec=kind,
        time=MixerConfig(),
        frequency=MixerConfig(),
        stft=StftConfig(window=40, hop=20),
        band=BandCodecConfig(features=4, regions=(BandRegion(2, 4), BandRegion(4, 3))),
        causal=causal,
    )
    codec = make_codec(config)
    assert isinstance(codec, nn.Module)
    for parameter in codec.parameters():
        nn.init.normal_(parameter, std=0.3)
    return codec


def random_spectrum(frames: int) -> Tensor:
    return torch.randn(2, 2, frames, BINS, generator=torch.Generator().manual_seed(frames))


class Through:
    """Encoder and decoder of a codec with nothing between them, as one streaming layer."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.init_state = codec.init_state

    def __call__(self, spectrum: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if state is None:
            state = self.init_state(spectrum.shape[0])
        features, skip, state = self.codec.encode(spectrum, state)
        return self.codec.decode(features, skip, spectrum, state)

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self(frame.unsqueeze(2), state)
        return y.squeeze(2), state


@EACH_KIND
def test_steps_and_chunks_give_one_pass(kind: str, assert_streams: Check) -> None:
    assert_streams(Through(make(kind)), random_spectrum(35), time=2, out_time=2)


@EACH_KIND
def test_no_codec_sees_the_future(kind: str, assert_causal: Check) -> None:
    assert_causal(Through(make(kind)), random_spectrum(16), time=2, out_time=2)


@EACH_KIND
def test_features_have_the_positions_that_the_codec_declares(kind: str) -> None:
    codec = make(kind)
    features, _, _ = codec.encode(random_spectrum(3), codec.init_state(2))
    assert features.shape == (2, CHANNELS, 3, codec.positions)
    assert codec.band_hz.shape == (codec.positions,)


@pytest.mark.parametrize("name", PRESETS)
def test_positions_lie_in_order_between_0_hz_and_nyquist(name: str) -> None:
    band_hz = make_codec(PRESETS[name]).band_hz
    assert 0 < band_hz[0] < 150
    assert (band_hz.diff() > 0).all()
    assert 7500 < band_hz[-1] < 8000


def test_bands_lie_in_the_middle_of_their_bins() -> None:
    """Bins are 400 Hz apart; the first band holds bins 0 and 1, the last bins 16 to 19."""
    band_hz = make("band").band_hz
    assert band_hz[0] == 200
    assert band_hz[-1] == 7000


@torch.no_grad()
def test_positions_of_the_dense_codec_lie_in_the_middle_of_the_bins_they_see() -> None:
    codec = make("dense")
    assert isinstance(codec, DenseCodec)
    halving = codec.encoder.dense_conv_2[0]
    impulses = torch.eye(BINS)[:, None, None].expand(-1, CHANNELS, -1, -1)
    seen = (halving(impulses) != halving(torch.zeros_like(impulses))).any(dim=1)[:, 0]  # [F, P]
    bin_hz = 400.0 * torch.arange(BINS)
    for position, hz in enumerate(codec.band_hz):
        assert bin_hz[seen[:, position]].mean() == hz


@EACH_KIND
def test_the_offline_form_runs_on_whole_recordings(kind: str) -> None:
    codec = make(kind, causal=False)
    spectrum = random_spectrum(9)
    y, _ = Through(codec)(spectrum)
    assert y.shape == spectrum.shape
    assert torch.isfinite(y).all()


@EACH_KIND
@torch.no_grad()
def test_silence_and_noise_far_too_loud_stay_finite(kind: str) -> None:
    through, spectrum = Through(make(kind)), random_spectrum(5)
    for loudness in (0.0, 1e-20, 1e6):
        y, state = through(loudness * spectrum)
        assert all(torch.isfinite(tensor).all() for tensor in (y, *flatten_state(state)))


@pytest.mark.parametrize("kind", ["dense", "separable"])
@torch.no_grad()
def test_the_magnitude_mask_gains_at_most_its_bound(kind: str) -> None:
    """The mask is below 2 in the compressed domain, so the gain is below ``2 ** (1 / 0.3)``."""
    spectrum = random_spectrum(9)
    y, _ = Through(make(kind))(spectrum)
    gain = (y.square().sum(1) / spectrum.square().sum(1)).sqrt()
    assert gain.max() <= 2 ** (1 / 0.3) * (1 + 1e-5)


def test_states_are_named_after_what_carries_them() -> None:
    assert state_names(make("band").init_state(1)) == ["past"]
    assert state_names(make("dense").init_state(1)) == ["encoder.past", "magnitude.past", "phase.past"]
    assert state_names(make("dense", causal=False).init_state(1)) == []


def test_the_configuration_chooses_the_codec() -> None:
    assert isinstance(make("band"), BandCodec)
    assert isinstance(make("dense"), DenseCodec)
    sizes = [sum(p.numel() for p in make(kind).parameters()) for kind in KINDS]  # type: ignore[attr-defined]
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize("exponent", [0.3, 1.0])
def test_compression_keeps_the_phase_and_raises_the_magnitude(exponent: float) -> None:
    spectrum = random_spectrum(4)
    compressed, magnitude = compress(spectrum, exponent)
    x, y = torch.complex(*spectrum.unbind(1)), torch.complex(*compressed.unbind(1))
    torch.testing.assert_close(y.angle(), x.angle(), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.abs(), x.abs() ** exponent, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(magnitude.squeeze(1), x.abs() ** exponent, rtol=1e-2, atol=1e-3)


def test_compression_of_silence_is_finite_and_so_is_its_gradient() -> None:
    spectrum = torch.zeros(1, 2, 1, 3, requires_grad=True)
    compressed, magnitude = compress(spectrum, 0.3)
    (gradient,) = torch.autograd.grad(compressed.sum() + magnitude.sum(), spectrum)
    assert torch.equal(compressed, torch.zeros_like(compressed))
    assert torch.isfinite(gradient).all()
