"""The frequency gate: in (0, 1) for each band, with a prior for where lips tell most."""

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.codecs.base import make_codec
from lipstream.models.config import PRESETS
from lipstream.models.lips.fusion import FSVG, FSVGWithPrior

CHANNELS = 4
BAND_HZ = torch.tensor([50.0, 299.0, 300.0, 1000.0, 3000.0, 3001.0, 7900.0])


def features(frames: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(frames)
    audio, visual = torch.randn(2, 2, CHANNELS, frames, len(BAND_HZ), generator=generator)
    return audio, visual


def both() -> list[FSVG]:
    torch.manual_seed(0)
    return [FSVG(CHANNELS), FSVGWithPrior(CHANNELS, BAND_HZ)]


@pytest.mark.parametrize("index", [0, 1], ids=["plain", "with prior"])
def test_the_gate_is_one_number_for_each_frame_and_band(index: int) -> None:
    gate = both()[index](*features())
    assert gate.shape == (2, 1, 5, len(BAND_HZ))
    assert gate.min() > 0
    assert gate.max() < 1


@pytest.mark.parametrize("index", [0, 1], ids=["plain", "with prior"])
def test_the_gate_hears_audio_and_sees_video_in_its_own_place_only(index: int) -> None:
    gate, (audio, visual) = both()[index], features()
    before = gate(audio, visual)
    for changed in (0, 1):
        other = [audio.clone(), visual.clone()]
        other[changed][:, :, 2, 3] += 1.0
        places = (gate(*other) != before).any(dim=0)[0]
        assert places.nonzero().tolist() == [[2, 3]]


def test_the_prior_favours_300_to_3000_hz() -> None:
    gate = FSVGWithPrior(CHANNELS, BAND_HZ)
    nn.init.zeros_(gate.conv.weight)
    assert gate.conv.bias is not None
    nn.init.zeros_(gate.conv.bias)
    speech = torch.sigmoid(torch.tensor(1.0))
    expected = torch.where((BAND_HZ >= 300) & (BAND_HZ <= 3000), speech, 1 - speech)
    torch.testing.assert_close(gate(*features()), expected.expand(2, 1, 5, -1))


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_has_positions_on_both_sides_of_the_prior(name: str) -> None:
    band_hz = make_codec(PRESETS[name]).band_hz
    prior = FSVGWithPrior(CHANNELS, band_hz).prior
    favoured = band_hz[prior > 0]
    assert len(favoured) > 5
    assert favoured.min() >= 300
    assert favoured.max() <= 3000
    assert (prior < 0).any()


def test_the_prior_is_added_to_the_logits_and_learns() -> None:
    torch.manual_seed(0)
    plain, prior = both()
    prior.conv.load_state_dict(plain.conv.state_dict())
    assert isinstance(prior, FSVGWithPrior)
    audio, visual = features()
    torch.testing.assert_close(prior.logits(audio, visual), plain.logits(audio, visual) + prior.prior)
    prior(audio, visual).sum().backward()
    assert prior.prior.grad is not None
    assert (prior.prior.grad > 0).all()
