"""The stream after MP-SENet with Mamba, small: one pass, causality, cost, and a runtime that refuses it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lipstream.bench.speed.network.complexity import net_complexity
from lipstream.errors import InputError
from lipstream.models.config import PRESETS, AttentionConfig, BranchConfig, preset
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.step.sizes import step_sizes

Check = Callable[..., None]

PARALLEL = preset("parallel")
MIXER = replace(PARALLEL.time, d_state=4, head_size=4)
SMALL = replace(
    PARALLEL, channels=4, num_blocks=1, time=MIXER, frequency=replace(MIXER, shared_directions=True)
)
SMALL = replace(SMALL, attention=AttentionConfig(heads=2), branches=BranchConfig(1, AttentionConfig(heads=2)))


@pytest.fixture(scope="module")
def net() -> LiteAVSEMamba:
    """With weights moved off their start, so that no part is idle."""
    torch.manual_seed(0)
    made = LiteAVSEMamba(SMALL)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return made.eval()


def random_spectrum(frames: int) -> Tensor:
    generator = torch.Generator().manual_seed(frames)
    return 0.1 * torch.randn(1, 2, frames, SMALL.stft.bins, generator=generator)


@torch.no_grad()
def test_steps_and_chunks_give_one_pass(net: LiteAVSEMamba, assert_same: Check) -> None:
    spectrum = random_spectrum(9)
    whole = net(spectrum)
    state, frames = net.init_state(1), []
    for t in range(9):
        frame, _, state = net.step(spectrum[:, :, t], None, None, state)
        frames.append(frame)
    assert_same((torch.stack(frames, dim=2), state), (whole[0], whole[2]), net)
    first, _, state = net(spectrum[:, :, :4])
    last, _, state = net(spectrum[:, :, 4:], state=state)
    assert_same((torch.cat([first, last], dim=2), state), (whole[0], whole[2]), net)


@torch.no_grad()
def test_the_future_changes_nothing_and_magnitude_and_phase_are_decoded_apart(net: LiteAVSEMamba) -> None:
    spectrum = random_spectrum(8)
    other = spectrum.clone()
    other[:, :, 5:].normal_()
    before, after = net(spectrum)[0], net(other)[0]
    torch.testing.assert_close(after[:, :, :5], before[:, :, :5], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(after[:, :, 5], before[:, :, 5])


@torch.no_grad()
def test_the_offline_form_knows_the_whole_recording() -> None:
    torch.manual_seed(0)
    twin, spectrum = LiteAVSEMamba(SMALL.offline()).eval(), random_spectrum(6)
    other = spectrum.clone()
    other[:, :, -1] *= -1.0
    assert not torch.allclose(twin(other)[0][:, :, 0], twin(spectrum)[0][:, :, 0], rtol=1e-4)


def test_the_compiled_step_refuses_it() -> None:
    with pytest.raises(InputError, match="'native' does not serve model 'parallel': use 'onnx' or 'eager'"):
        step_sizes(PARALLEL)
    for half in (replace(PARALLEL, attention=None), replace(PARALLEL, branches=None)):
        with pytest.raises(InputError, match="does not serve"):
            step_sizes(half)


def test_it_costs_between_lite_and_base() -> None:
    lite, parallel, base = (
        net_complexity(LiteAVSEMamba(preset(name))) for name in ("lite", "parallel", "base")
    )
    assert lite.products_per_second < parallel.products_per_second < base.products_per_second
    assert parallel.parameters - parallel.visual_parameters < 250_000


def test_it_is_found_by_its_name_and_listed_nowhere() -> None:
    assert "parallel" not in PRESETS


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="heads 5 must divide channels = 32"):
        replace(PARALLEL, attention=AttentionConfig(heads=5))
    with pytest.raises(InputError, match="heads 3 must divide"):
        replace(PARALLEL, branches=BranchConfig(attention=AttentionConfig(heads=3)))
    with pytest.raises(InputError, match="a decoder for each: dense or separable"):
        replace(preset("lite"), branches=BranchConfig())
    with pytest.raises(InputError, match="at least 1"):
        AttentionConfig(heads=0)
    with pytest.raises(InputError, match="at least 1"):
        BranchConfig(blocks=0)
