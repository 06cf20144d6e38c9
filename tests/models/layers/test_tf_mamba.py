"""Time-frequency blocks with either Mamba on either axis: causal with state, and the offline twin."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu import mixer as cpu_mixer
from lipstream.models.config import MixerConfig
from lipstream.models.layers.tf_mamba import CausalTFMambaBlock, TFMambaBlock
from lipstream.models.state import flatten_state, state_names

Check = Callable[..., None]

CHANNELS, POSITIONS = 8, 5
MAMBA_1 = MixerConfig(version=1, d_state=4, expand=2)
MAMBA_2 = MixerConfig(version=2, d_state=4, expand=2, head_size=4)
SHARED = replace(MAMBA_2, d_conv=3, shared_directions=True)
#: (time, frequency)
AXES = pytest.mark.parametrize(
    ("time", "frequency"),
    list(product([MAMBA_1, MAMBA_2], [MAMBA_1, MAMBA_2, SHARED])),
    ids=lambda config: f"{config.version}{'-shared' * config.shared_directions}",
)


@pytest.fixture
def compiled() -> None:
    if not cpu_calls.available():
        pytest.skip("no C++ compiler builds the kernel here")


def make_block(time: MixerConfig, frequency: MixerConfig) -> CausalTFMambaBlock:
    torch.manual_seed(0)
    return CausalTFMambaBlock(CHANNELS, time, frequency, POSITIONS)


def make_twin(time: MixerConfig, frequency: MixerConfig) -> TFMambaBlock:
    torch.manual_seed(0)
    return TFMambaBlock(CHANNELS, time, frequency, POSITIONS)


def random_features(frames: int) -> Tensor:
    generator = torch.Generator().manual_seed(frames)
    return torch.randn(2, CHANNELS, frames, POSITIONS, generator=generator)


@AXES
def test_steps_and_chunks_give_one_pass(
    time: MixerConfig, frequency: MixerConfig, assert_streams: Check
) -> None:
    assert_streams(make_block(time, frequency), random_features(23), time=2, out_time=2)


@AXES
def test_the_causal_block_never_sees_the_future(
    time: MixerConfig, frequency: MixerConfig, assert_causal: Check
) -> None:
    assert_causal(make_block(time, frequency), random_features(12), time=2, out_time=2)


@AXES
@torch.no_grad()
def test_a_point_reaches_its_whole_frame_and_all_that_follow(
    time: MixerConfig, frequency: MixerConfig
) -> None:
    block, x = make_block(time, frequency).double(), random_features(8).double()
    other = x.clone()
    other[:, :, 4, 2] += 1.0
    changed = (block(x)[0] != block(other)[0]).any(dim=1).any(dim=0)  # [T, F]
    assert not changed[:4].any()
    assert changed[4:].all()


@AXES
@torch.no_grad()
def test_the_offline_twin_sees_past_and_future(time: MixerConfig, frequency: MixerConfig) -> None:
    twin, x = make_twin(time, frequency).double(), random_features(8).double()
    other = x.clone()
    other[:, :, 4, 2] += 1.0
    before, after = twin(x), twin(other)
    assert before.shape == x.shape
    assert (before != after).any(dim=1).any(dim=0).all()


@AXES
def test_the_twins_share_the_sizes_of_the_frequency_axis(time: MixerConfig, frequency: MixerConfig) -> None:
    sizes = [
        {name: value.shape for name, value in block.state_dict().items() if name.startswith("frequency")}
        for block in (make_block(time, frequency), make_twin(time, frequency))
    ]
    assert sizes[0] == sizes[1]
    assert sizes[0]


@AXES
@torch.no_grad()
def test_streams_of_a_batch_do_not_touch_each_other(time: MixerConfig, frequency: MixerConfig) -> None:
    block, x = make_block(time, frequency), random_features(6)
    torch.testing.assert_close(block(x)[0][1:], block(x[1:])[0], rtol=1e-5, atol=1e-5)


@AXES
def test_gradients_reach_every_parameter(time: MixerConfig, frequency: MixerConfig) -> None:
    block = make_block(time, frequency)
    block(random_features(6))[0].square().sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_only_the_time_axis_carries_a_state() -> None:
    state = make_block(MAMBA_2, SHARED).init_state(3)
    assert state_names(state) == ["time.conv", "time.ssm"]
    assert state.time.ssm.shape == (3 * POSITIONS, 4, 4, 4)


@pytest.mark.parametrize("frames", [1, 2, 3, 40])
@pytest.mark.usefixtures("compiled")
def test_training_runs_the_compiled_kernel_on_both_axes_and_gives_the_same(
    frames: int, monkeypatch: pytest.MonkeyPatch, assert_same: Check
) -> None:
    block, x = make_block(MAMBA_2, SHARED), random_features(frames)
    kernel = Mock(wraps=cpu_mixer.residual_mixer)
    monkeypatch.setattr(cpu_mixer, "residual_mixer", kernel)
    y, state = block(x)
    assert kernel.call_count == 2
    with torch.no_grad():
        expected = block(x)
    assert kernel.call_count == 2
    assert_same((y, state), expected)
    assert not state.time.conv.requires_grad


@pytest.mark.usefixtures("compiled")
def test_training_without_a_compiler_gives_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    block, x = make_block(MAMBA_2, SHARED), random_features(7).requires_grad_()

    def results() -> list[Tensor]:
        y = block(x)[0]
        return [y, *torch.autograd.grad(y.square().sum(), (x, *block.parameters()))]

    fast = results()
    monkeypatch.setattr(cpu_calls, "available", lambda: False)
    for found, expected in zip(fast, results(), strict=True):
        torch.testing.assert_close(
            found, expected, rtol=1e-4, atol=1e-4 * float(expected.detach().abs().max())
        )


def test_training_in_mixed_precision_leaves_the_kernel_aside() -> None:
    block, x = make_block(MAMBA_2, SHARED), random_features(7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = block(x)
        with torch.no_grad():
            expected, _ = block(x)
    torch.testing.assert_close(y, expected)


class _Operators(TorchDispatchMode):
    """Notes the operators of this package that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "lipstream":
            self.names.append(func._opname)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (MAMBA_1, ["mamba1_conv_step", "mamba1_step", "mamba1_conv_both", "mamba1_both"]),
        (SHARED, ["mamba2_step", "mamba2_both"]),
    ],
    ids=["mamba-1", "mamba-2"],
)
def test_a_frame_on_cuda_runs_in_the_fused_operators(
    config: MixerConfig, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tensors without data, which may be on a GPU that is not there."""
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    with FakeTensorMode(), torch.device("cuda"), torch.no_grad():
        block = CausalTFMambaBlock(CHANNELS, config, config, POSITIONS)
        state = block.init_state(2)
        with _Operators() as operators:
            y, after = block.step(torch.zeros(2, CHANNELS, POSITIONS), state)
    assert operators.names == expected
    assert y.shape == (2, CHANNELS, POSITIONS)
    assert [t.shape for t in flatten_state(after)] == [t.shape for t in flatten_state(state)]
