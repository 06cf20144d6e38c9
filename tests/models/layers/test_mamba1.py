"""The Mamba-1 mixer: the layout and start of mamba-ssm's parameters, and the state protocol."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from lipstream.models.layers.mamba1 import DT_MAX, DT_MIN, Mamba1Mixer, both_directions
from lipstream.models.state import state_names

Check = Callable[..., None]
CHANNELS, D_STATE, D_CONV, EXPAND = 20, 6, 4, 2
INNER, DT_RANK = EXPAND * CHANNELS, math.ceil(CHANNELS / 16)


@pytest.fixture
def mixer() -> Mamba1Mixer:
    torch.manual_seed(0)
    return Mamba1Mixer(CHANNELS, D_STATE, D_CONV, EXPAND)


def test_parameters_are_laid_out_as_in_mamba_ssm(mixer: Mamba1Mixer) -> None:
    assert {name: tuple(value.shape) for name, value in mixer.state_dict().items()} == {
        "A_log": (INNER, D_STATE),
        "D": (INNER,),
        "in_proj.weight": (2 * INNER, CHANNELS),
        "conv1d.weight": (INNER, 1, D_CONV),
        "conv1d.bias": (INNER,),
        "x_proj.weight": (DT_RANK + 2 * D_STATE, INNER),
        "dt_proj.weight": (INNER, DT_RANK),
        "dt_proj.bias": (INNER,),
        "out_proj.weight": (CHANNELS, INNER),
    }


def test_it_starts_from_the_decays_and_time_steps_of_the_paper(mixer: Mamba1Mixer) -> None:
    torch.testing.assert_close(-torch.exp(mixer.A_log), -torch.arange(1.0, D_STATE + 1).expand(INNER, -1))
    dt = F.softplus(mixer.dt_proj.bias)
    spread = torch.log(dt).sub(math.log(DT_MIN)) / math.log(DT_MAX / DT_MIN)
    assert spread.min() > -1e-3
    assert spread.max() < 1 + 1e-3
    assert spread.min() < 0.2 < 0.8 < spread.max()
    assert mixer.dt_proj.weight.abs().max() <= DT_RANK**-0.5
    assert torch.equal(mixer.D, torch.ones(INNER))


def test_the_state_holds_the_short_convolution_and_the_scan(mixer: Mamba1Mixer) -> None:
    state = mixer.init_state(3, dtype=torch.float64)
    assert state_names(state) == ["conv", "ssm"]
    assert state.conv.shape == (3, D_CONV - 1, INNER)
    assert state.ssm.shape == (3, INNER, D_STATE)
    assert state.ssm.dtype == torch.float64


@pytest.mark.parametrize("d_conv", [2, 4])
def test_steps_and_chunks_give_one_pass(d_conv: int, assert_streams: Check) -> None:
    torch.manual_seed(1)
    assert_streams(Mamba1Mixer(CHANNELS, D_STATE, d_conv), torch.randn(5, 17, CHANNELS), time=1, out_time=1)


def test_it_never_sees_the_future(mixer: Mamba1Mixer, assert_causal: Check) -> None:
    torch.manual_seed(1)
    assert_causal(mixer, torch.randn(2, 12, CHANNELS), time=1, out_time=1)


def test_rows_do_not_touch_each_other(mixer: Mamba1Mixer) -> None:
    x = torch.randn(3, 9, CHANNELS, generator=torch.Generator().manual_seed(1))
    together, _ = mixer(x)
    alone, _ = mixer(x[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-5, atol=1e-6)


def test_gradients_reach_every_parameter(mixer: Mamba1Mixer) -> None:
    mixer(torch.randn(2, 8, CHANNELS))[0].square().sum().backward()
    for name, parameter in mixer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_both_directions_are_two_mixers_one_of_them_on_flipped_rows(mixer: Mamba1Mixer) -> None:
    other = Mamba1Mixer(CHANNELS, D_STATE, D_CONV, EXPAND)
    first, second = torch.randn(2, 3, 9, CHANNELS)
    ahead, back = both_directions(mixer, other, (first, second))
    torch.testing.assert_close(ahead, mixer(first)[0])
    torch.testing.assert_close(back, other(second.flip(1))[0].flip(1))
