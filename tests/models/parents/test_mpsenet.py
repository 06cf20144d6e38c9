"""MP-SENet, with Mamba and without: published sizes and names, the numbers of the original codes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models import MPSENet, MPSENetConfig, MPSENetMamba, MPSENetMambaConfig
from lipstream.models.parents.mpsenet_mamba import SMALL
from lipstream.models.parents.registry import PARENTS

Golden = Callable[[str], dict[str, Tensor]]
Angle = Callable[[Tensor, Tensor], Tensor]

TINY = MPSENetConfig(channels=8, num_blocks=1, n_fft=64, hop_size=16, win_size=64)
TINY_MAMBA = MPSENetMambaConfig(
    channels=8, num_shared_blocks=1, num_branch_blocks=1, n_fft=64, hop_size=16, win_size=64
)


def make_tiny(config: MPSENetConfig | MPSENetMambaConfig) -> MPSENet | MPSENetMamba:
    torch.manual_seed(0)
    made = MPSENet(config) if isinstance(config, MPSENetConfig) else MPSENetMamba(config)
    return made.eval()


def random_spectra(batch: int, frames: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(frames)
    mag = torch.rand(batch, TINY.bins, frames, generator=generator)
    return mag, 6 * torch.rand(batch, TINY.bins, frames, generator=generator) - 3


EACH_TINY = pytest.mark.parametrize(
    "config",
    [TINY, TINY_MAMBA, replace(TINY_MAMBA, exchange="frequency"), replace(TINY_MAMBA, phase_blocks="mamba")],
    ids=["attention", "mamba", "mamba-frequency", "mamba-twice"],
)


@pytest.mark.parametrize(
    ("config", "count"),
    [(MPSENetConfig(), 2_263_372), (MPSENetMambaConfig(), 5_948_492), (SMALL, 2_037_836)],
    ids=["mpsenet", "mpsenet-mamba", "small"],
)
def test_published_parameter_count(config: MPSENetConfig | MPSENetMambaConfig, count: int) -> None:
    with torch.device("meta"):
        model = make_tiny(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("name", ["mpsenet", "mpsenet-mamba"])
@torch.no_grad()
def test_forward_gives_the_numbers_of_the_original(
    name: str, golden_of: Golden, angle_between: Angle
) -> None:
    arrays = golden_of(name.replace("-", "_"))
    weights = {key.removeprefix("w."): value for key, value in arrays.items() if key.startswith("w.")}
    parent = PARENTS[name]
    model: Any = parent.model(parent.config.of_weights(weights))
    model.load_state_dict(weights, strict=True)
    model.eval()
    parts: list[Tensor] = []
    for conv in (model.phase_decoder.phase_conv_r, model.phase_decoder.phase_conv_i):
        conv.register_forward_hook(lambda module, heard, made: parts.append(made[0, 0].T))
    mag, pha, com = model(arrays["noisy_mag"][None], arrays["noisy_pha"][None])
    assert (mag[0] - arrays["out_mag"]).abs().max() < 1e-4
    away = angle_between(pha[0], arrays["out_pha"])
    # A phase of which both parts are near zero magnifies their rounding by as much as they are small.
    radius = torch.hypot(*parts)
    near_zero = radius < 0.05 * radius.median()
    assert near_zero.sum() < 0.01 * near_zero.numel()
    assert away[~near_zero].max() < 1e-4
    assert (away * radius).max() < 1e-5
    scale = arrays["out_mag"].clamp(min=1.0)[..., None]  # rounding of the phase, times the magnitude
    assert ((com[0] - arrays["out_com"]).abs() / scale).max() < 1e-4


@EACH_TINY
@torch.no_grad()
def test_recordings_of_a_batch_do_not_touch_each_other(
    config: MPSENetConfig | MPSENetMambaConfig, angle_between: Angle
) -> None:
    """The published codes mix them: there a batch is the sequence."""
    model, (mag, pha) = make_tiny(config), random_spectra(2, 7)
    together, alone = model(mag, pha), model(mag[1:], pha[1:])
    torch.testing.assert_close(together[0][1:], alone[0], rtol=1e-4, atol=1e-5)
    assert angle_between(together[1][1:], alone[1]).max() < 1e-3


@EACH_TINY
def test_gradients_reach_every_parameter(config: MPSENetConfig | MPSENetMambaConfig) -> None:
    model = make_tiny(config).train()
    _, _, com = model(*random_spectra(1, 6))
    (com * torch.randn(com.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@torch.no_grad()
def test_the_branches_hear_a_bin_or_the_whole_frame() -> None:
    """What the magnitude's branch hears of one bin of the phase."""
    for config, reach in ((TINY_MAMBA, 1), (replace(TINY_MAMBA, exchange="frequency"), 5)):
        model = MPSENetMamba(config).double()
        mag, phase = torch.randn(2, 1, 8, 3, 5, generator=torch.Generator().manual_seed(1)).double()
        other = phase.clone()
        other[:, :, 1, 2] += 1.0
        changed = model.cross_attention(mag, other)[0] != model.cross_attention(mag, phase)[0]
        assert changed.any(1)[0].sum(1).tolist() == [0, reach, 0]


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (MPSENetConfig, {"channels": 30}, "multiple of 4"),
        (MPSENetConfig, {"num_blocks": 0}, "num_blocks"),
        (MPSENetConfig, {"n_fft": 402}, "multiple of 4"),
        (MPSENetMambaConfig, {"num_shared_blocks": 0}, "num_shared_blocks"),
        (MPSENetMambaConfig, {"exchange": "time"}, "exchange must be one of bin, frequency"),
        (MPSENetMambaConfig, {"phase_blocks": "gru"}, "phase_blocks must be one of attention, mamba"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**change)
