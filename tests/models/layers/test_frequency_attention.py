"""Attention within a frame, and the two branches it joins: causal with state, and what reaches what."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.config import AttentionConfig, MixerConfig
from lipstream.models.layers.branches import Branches
from lipstream.models.layers.frequency_attention import FrequencyAttention
from lipstream.models.layers.tf_mamba import CausalTFMambaBlock, TFMambaBlock
from lipstream.models.state import State, flatten_state, state_names, unflatten_state

Check = Callable[..., None]

CHANNELS, POSITIONS = 8, 5
ATTENTION = AttentionConfig(heads=2)
MAMBA = MixerConfig(version=2, d_state=4, expand=2, head_size=4)


def make_block(causal: bool = True) -> CausalTFMambaBlock | TFMambaBlock:
    kind = CausalTFMambaBlock if causal else TFMambaBlock
    return kind(CHANNELS, MAMBA, MAMBA, POSITIONS, attention=ATTENTION)


def make_branches(causal: bool = True) -> Branches:
    torch.manual_seed(0)
    return Branches(CHANNELS, POSITIONS, 1, ATTENTION, lambda: make_block(causal))


@pytest.fixture(params=["block", "branches"])
def layer(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return make_block() if request.param == "block" else make_branches()


def random_features(frames: int) -> Tensor:
    return torch.randn(2, CHANNELS, frames, POSITIONS, generator=torch.Generator().manual_seed(frames))


def test_steps_and_chunks_give_one_pass(layer: nn.Module, assert_streams: Check) -> None:
    assert_streams(layer, random_features(23), time=2, out_time=2)


def test_the_future_changes_nothing(layer: nn.Module, assert_causal: Check) -> None:
    assert_causal(layer, random_features(12), time=2, out_time=2)


@torch.no_grad()
def test_a_point_reaches_its_whole_frame_and_all_that_follow(layer: nn.Module) -> None:
    layer, x = layer.double(), random_features(8).double()
    other = x.clone()
    other[:, :, 4, 2] += torch.randn(CHANNELS, generator=torch.Generator().manual_seed(1))
    changed = (layer(x)[0] != layer(other)[0]).any(dim=1).any(dim=0)  # [T, F]
    assert not changed[:4].any()
    assert changed[4:].all()


def test_gradients_reach_every_parameter(layer: nn.Module) -> None:
    layer(random_features(6))[0].square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        # The bias of a key adds the same to all that a query may choose from.
        assert name.endswith("key.bias") or parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_attention_is_that_of_torch_behind_norms() -> None:
    torch.manual_seed(0)
    layer, x = FrequencyAttention(CHANNELS, POSITIONS, ATTENTION), torch.randn(3, POSITIONS, CHANNELS)
    heard = torch.randn(3, POSITIONS, CHANNELS)
    published = nn.MultiheadAttention(CHANNELS, ATTENTION.heads, batch_first=True)
    parts = (layer.query, layer.key, layer.value)
    published.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    published.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    published.out_proj.load_state_dict(layer.out.state_dict())
    keys = layer.norm_heard(heard)
    asked, offered = layer.norm(x) + layer.position, keys + layer.position
    expected = x + published(asked, offered, keys, need_weights=False)[0]
    expected = expected + layer.leave(nn.functional.silu(layer.enter(layer.norm_wide(expected))))
    torch.testing.assert_close(layer(x, heard), expected)


@torch.no_grad()
def test_each_branch_hears_the_other_only_where_they_exchange() -> None:
    branches, x = make_branches(), random_features(4)
    before = branches(x)[0]
    branches.phase_in.bias.add_(torch.randn(CHANNELS, generator=torch.Generator().manual_seed(1)))
    assert not torch.allclose(branches(x)[0][:, :CHANNELS], before[:, :CHANNELS])
    branches.to_magnitude.value.weight.zero_()  # deaf
    deaf = branches(x)[0][:, :CHANNELS]
    branches.phase_in.bias.zero_()
    torch.testing.assert_close(branches(x)[0][:, :CHANNELS], deaf)


def test_only_the_time_axes_carry_a_state() -> None:
    names = [f"{branch}.0.time.{part}" for branch in ("magnitude", "phase") for part in ("conv", "ssm")]
    assert state_names(make_branches().init_state(2)) == names


@torch.no_grad()
def test_the_offline_form_sees_past_and_future_and_carries_nothing() -> None:
    branches, x = make_branches(causal=False).double(), random_features(6).double()
    other = x.clone()
    other[:, :, 3, 2] += torch.randn(CHANNELS, generator=torch.Generator().manual_seed(1))
    (before, state), (after, _) = branches(x), branches(other)
    assert (before != after).any(dim=1).any(dim=0).all()
    assert state_names(state) == []


class FlatStep(nn.Module):
    """A step whose state is flat, as graphs have it."""

    def __init__(self, branches: Branches) -> None:
        super().__init__()
        self.branches = branches
        self.like: State = branches.init_state(1)

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        y, after = self.branches.step(x, unflatten_state(self.like, state))
        return y, *flatten_state(after)


@pytest.mark.slow
@torch.no_grad()
def test_a_graph_gives_what_torch_does() -> None:
    pytest.importorskip("onnxscript")
    ort = pytest.importorskip("onnxruntime")
    layer = FlatStep(make_branches()).eval()
    state = [torch.randn_like(tensor) for tensor in flatten_state(layer.like)]
    inputs = (random_features(1)[:1, :, 0], *state)
    program = torch.onnx.export(layer, inputs, opset_version=23, dynamo=True, verbose=False)
    assert program is not None
    session = ort.InferenceSession(program.model_proto.SerializeToString())
    fed = {entry.name: tensor.numpy() for entry, tensor in zip(session.get_inputs(), inputs, strict=True)}
    for found, expected in zip(session.run(None, fed), layer(*inputs), strict=True):
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)
