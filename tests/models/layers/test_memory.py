"""The memory of the whole spectrum, alone and in a block: streams, causality, its start, its offline twin."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from lipstream.errors import InputError
from lipstream.models.config import MemoryConfig, MixerConfig, preset
from lipstream.models.layers.memory import CausalMemory, Memory
from lipstream.models.layers.tf_mamba import CausalTFMambaBlock, TFMambaBlock
from lipstream.models.state import MixerState, state_names

Check = Callable[..., None]

CHANNELS, POSITIONS = 8, 5
MAMBA_1 = MixerConfig(version=1, d_state=4, expand=2)
MAMBA_2 = MixerConfig(version=2, d_state=4, expand=2, head_size=4)
EITHER = pytest.mark.parametrize("mixer", [MAMBA_1, MAMBA_2], ids=["mamba-1", "mamba-2"])


def sizes(mixer: MixerConfig) -> MemoryConfig:
    return MemoryConfig(features=3, channels=6, mixer=replace(mixer, head_size=4))


M = TypeVar("M", CausalMemory, Memory)


def awake(memory: M) -> M:
    """What comes back from the row is nothing at first: with that, most tests would test nothing."""
    torch.manual_seed(2)
    nn.init.normal_(memory.widen.weight)
    nn.init.normal_(memory.widen.bias)
    return memory


def make_memory(mixer: MixerConfig) -> CausalMemory:
    torch.manual_seed(0)
    return awake(CausalMemory(CHANNELS, POSITIONS, sizes(mixer)))


def make_block(mixer: MixerConfig) -> CausalTFMambaBlock:
    torch.manual_seed(0)
    shared = replace(MAMBA_2, shared_directions=True)
    block = CausalTFMambaBlock(CHANNELS, MAMBA_2, shared, POSITIONS, sizes(mixer))
    assert block.memory is not None
    awake(block.memory)
    return block


def random_grid(frames: int) -> Tensor:
    return torch.randn(2, frames, POSITIONS, CHANNELS, generator=torch.Generator().manual_seed(frames))


@EITHER
def test_steps_and_chunks_give_one_pass(mixer: MixerConfig, assert_streams: Check) -> None:
    assert_streams(make_memory(mixer), random_grid(23), time=1, out_time=1)
    assert_streams(make_block(mixer), random_grid(23).permute(0, 3, 1, 2), time=2, out_time=2)


@EITHER
def test_the_future_is_never_heard(mixer: MixerConfig, assert_causal: Check) -> None:
    assert_causal(make_memory(mixer), random_grid(12), time=1, out_time=1)


@EITHER
@torch.no_grad()
def test_one_position_is_heard_by_all_from_its_frame_on(mixer: MixerConfig) -> None:
    memory, x = make_memory(mixer).double(), random_grid(8).double()
    other = x.clone()
    other[:, 4, 2] += torch.randn(CHANNELS)
    changed = (memory(x)[0] != memory(other)[0]).any(dim=-1).any(dim=0)  # [T, F]
    assert not changed[:4].any()
    assert changed[4:].all()


@EITHER
@torch.no_grad()
def test_its_offline_twin_hears_past_and_future(mixer: MixerConfig) -> None:
    torch.manual_seed(0)
    twin, x = awake(Memory(CHANNELS, POSITIONS, sizes(mixer))).double(), random_grid(8).double()
    other = x.clone()
    other[:, 4, 2] += torch.randn(CHANNELS)
    assert (twin(x) != twin(other)).any(dim=-1).any(dim=0).all()


@torch.no_grad()
def test_it_begins_as_the_identity() -> None:
    config, x = sizes(MAMBA_2), random_grid(4)
    assert torch.equal(CausalMemory(CHANNELS, POSITIONS, config)(x)[0], x)
    assert torch.equal(Memory(CHANNELS, POSITIONS, config)(x), x)


@EITHER
def test_gradients_reach_every_parameter(mixer: MixerConfig) -> None:
    memory = make_memory(mixer)
    memory(random_grid(6))[0].square().sum().backward()
    for name, parameter in memory.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_its_state_is_one_row_a_stream_and_no_part_of_a_block_without_it() -> None:
    state = make_block(MAMBA_2).init_state(3)
    assert state_names(state) == ["memory.conv", "memory.ssm", "time.conv", "time.ssm"]
    assert isinstance(state.memory, MixerState)
    assert state.memory.ssm.shape == (3, 3, 4, 4)
    without = CausalTFMambaBlock(CHANNELS, MAMBA_2, MAMBA_2, POSITIONS).init_state(3)
    assert state_names(without) == ["time.conv", "time.ssm"]


@torch.no_grad()
def test_the_offline_block_has_one_too() -> None:
    torch.manual_seed(0)
    x = random_grid(8).permute(0, 3, 1, 2)
    block = TFMambaBlock(CHANNELS, MAMBA_2, MAMBA_2, POSITIONS, sizes(MAMBA_2))
    before = block(x)
    assert block.memory is not None
    awake(block.memory)
    assert not torch.allclose(block(x), before)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="features and channels of the memory must be at least 1"):
        MemoryConfig(features=0)
    with pytest.raises(InputError, match=r"head_size 16 must divide .* 60"):
        replace(preset("lite"), memory=MemoryConfig(channels=30))
