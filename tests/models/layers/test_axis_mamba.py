"""Residual mixers of an axis: which one a configuration means, and which way each looks."""

from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch

from lipstream.kernels.cpu import mixer as cpu_mixer
from lipstream.models.config import MixerConfig
from lipstream.models.layers.axis_mamba import (
    BidirectionalMamba,
    SharedBidirectionalMamba,
    make_bidirectional,
    make_mixer,
)
from lipstream.models.layers.mamba1 import Mamba1Mixer
from lipstream.models.layers.mamba2 import QUADRATIC_LENGTH, Mamba2Mixer

CHANNELS = 8
MAMBA_1 = MixerConfig(version=1, d_state=4, expand=2)
MAMBA_2 = MixerConfig(version=2, d_state=4, expand=2, head_size=4)
SHARED = replace(MAMBA_2, d_conv=3, shared_directions=True)


def test_the_configuration_chooses_the_mixer() -> None:
    assert isinstance(make_mixer(CHANNELS, MAMBA_1), Mamba1Mixer)
    assert isinstance(make_mixer(CHANNELS, MAMBA_2), Mamba2Mixer)
    assert isinstance(make_bidirectional(CHANNELS, MAMBA_2), BidirectionalMamba)
    assert isinstance(make_bidirectional(CHANNELS, SHARED), SharedBidirectionalMamba)


def test_shared_directions_widen_an_even_convolution_to_have_a_centre() -> None:
    shared = SharedBidirectionalMamba(CHANNELS, replace(SHARED, d_conv=4))
    assert shared.mixer.d_conv == 5


@torch.no_grad()
def test_two_mixers_look_one_way_each() -> None:
    torch.manual_seed(0)
    both, x = BidirectionalMamba(CHANNELS, MAMBA_1), torch.randn(2, 5, 9, CHANNELS)
    y = both(x)
    torch.testing.assert_close(y[..., :CHANNELS], both.ahead(x)[0])
    torch.testing.assert_close(y[..., CHANNELS:].flip(2), both.back(x.flip(2))[0])


def test_a_frequency_axis_too_long_for_one_matrix_leaves_the_kernel_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = Mock(side_effect=AssertionError)
    monkeypatch.setattr(cpu_mixer, "residual_mixer", kernel)
    SharedBidirectionalMamba(CHANNELS, SHARED)(torch.randn(1, 1, QUADRATIC_LENGTH + 1, CHANNELS))
