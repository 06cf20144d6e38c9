"""The Mamba-2 mixers: the layout of mamba-ssm, the state protocol, both directions."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lipstream.models.layers import mamba2 as module
from lipstream.models.layers.mamba2 import Mamba2Mixer, TwoSidedMamba2Mixer
from lipstream.models.state import state_names

Check = Callable[..., None]
CHANNELS, D_STATE, D_CONV, EXPAND, HEAD_SIZE = 12, 6, 4, 2, 8
INNER, HEADS = EXPAND * CHANNELS, EXPAND * CHANNELS // HEAD_SIZE
MIXED = INNER + 2 * D_STATE


@pytest.fixture
def mixer() -> Mamba2Mixer:
    torch.manual_seed(0)
    return Mamba2Mixer(CHANNELS, D_STATE, D_CONV, EXPAND, HEAD_SIZE)


@pytest.fixture
def two_sided() -> TwoSidedMamba2Mixer:
    torch.manual_seed(0)
    return TwoSidedMamba2Mixer(CHANNELS, D_STATE, 3, EXPAND, HEAD_SIZE)


def random_rows(rows: int, length: int) -> Tensor:
    return torch.randn(rows, length, CHANNELS, generator=torch.Generator().manual_seed(length))


def test_parameters_are_laid_out_as_in_mamba_ssm(mixer: Mamba2Mixer) -> None:
    assert {name: tuple(value.shape) for name, value in mixer.state_dict().items()} == {
        "dt_bias": (HEADS,),
        "A_log": (HEADS,),
        "D": (HEADS,),
        "in_proj.weight": (INNER + MIXED + HEADS, CHANNELS),
        "conv1d.weight": (MIXED, 1, D_CONV),
        "conv1d.bias": (MIXED,),
        "norm.weight": (INNER,),
        "out_proj.weight": (CHANNELS, INNER),
    }


def test_it_starts_from_the_decays_and_time_steps_of_the_paper() -> None:
    torch.manual_seed(0)
    mixer = Mamba2Mixer(32, head_size=1)
    decay, dt = torch.exp(mixer.A_log), F.softplus(mixer.dt_bias)
    assert 1 <= decay.min() < 4 < 12 < decay.max() <= 16
    spread = torch.log(dt / 0.001) / math.log(0.1 / 0.001)
    assert -1e-3 <= spread.min() < 0.2 < 0.8 < spread.max() <= 1 + 1e-3
    assert torch.equal(mixer.D, torch.ones(64))


def test_the_state_holds_the_short_convolution_and_the_scan(mixer: Mamba2Mixer) -> None:
    state = mixer.init_state(3, dtype=torch.float64)
    assert state_names(state) == ["conv", "ssm"]
    assert state.conv.shape == (3, D_CONV - 1, MIXED)
    assert state.ssm.shape == (3, HEADS, HEAD_SIZE, D_STATE)
    assert state.ssm.dtype == torch.float64


@pytest.mark.parametrize("d_conv", [1, 2, 4])
def test_steps_and_chunks_give_one_pass(d_conv: int, assert_streams: Check) -> None:
    torch.manual_seed(0)
    mixer = Mamba2Mixer(CHANNELS, D_STATE, d_conv, EXPAND, HEAD_SIZE)
    assert_streams(mixer, random_rows(5, 41), time=1, out_time=1)


def test_it_never_sees_the_future(mixer: Mamba2Mixer, assert_causal: Check) -> None:
    assert_causal(mixer, random_rows(2, 12), time=1, out_time=1)


def test_rows_do_not_touch_each_other(mixer: Mamba2Mixer) -> None:
    x = random_rows(3, 9)
    torch.testing.assert_close(mixer(x)[0][1:2], mixer(x[1:2])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["causal", "two-sided"])
def test_gradients_reach_every_parameter(
    form: str, mixer: Mamba2Mixer, two_sided: TwoSidedMamba2Mixer
) -> None:
    layer, x = (mixer if form == "causal" else two_sided), random_rows(2, 8)
    y = mixer(x)[0] if form == "causal" else two_sided(x)
    y.square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_two_sided_has_no_direction(two_sided: TwoSidedMamba2Mixer) -> None:
    """With a short convolution that is its own mirror image, flipped rows come out flipped."""
    weight = two_sided.conv1d.weight
    weight.copy_((weight + weight.flip(-1)) / 2)
    x = random_rows(3, 11)
    torch.testing.assert_close(two_sided(x.flip(1)).flip(1), two_sided(x), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_two_sided_sees_the_whole_row(two_sided: TwoSidedMamba2Mixer) -> None:
    x = random_rows(1, 15)
    other = x.clone()
    other[:, 7] += 1.0
    changed = (two_sided(x) - two_sided(other)).abs().amax(dim=(0, 2)) > 0
    assert changed.all()


@torch.no_grad()
def test_long_rows_scan_and_short_ones_multiply_to_the_same(
    two_sided: TwoSidedMamba2Mixer, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = random_rows(2, 50)
    short = two_sided(x)
    monkeypatch.setattr(module, "QUADRATIC_LENGTH", 49)
    torch.testing.assert_close(two_sided(x), short, rtol=1e-5, atol=1e-6)


def test_both_mixers_share_their_parameters(mixer: Mamba2Mixer, two_sided: TwoSidedMamba2Mixer) -> None:
    assert list(mixer.state_dict()) == list(two_sided.state_dict())


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"head_size 16 must divide expand \* channels = 24"):
        Mamba2Mixer(12, head_size=16)


def test_an_even_convolution_has_no_centre() -> None:
    with pytest.raises(ValueError, match="odd d_conv, got 4: use 5"):
        TwoSidedMamba2Mixer(16, d_conv=4)
