"""The dense codec: shapes, the state protocol, causality, and its offline form."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lipstream.errors import InputError
from lipstream.models.codecs.dense import (
    DenseEncoder,
    DenseStage,
    LearnableSigmoid,
    MagDecoder,
    PhaseDecoder,
    encoded_bins,
)
from lipstream.models.codecs.dense_block import DenseBlock, FrameNorm
from lipstream.models.state import state_bytes, state_names

Check = Callable[..., None]

IN_CHANNELS, CHANNELS, BINS, DEPTH, BETA = 3, 6, 21, 3, 2.0
ENCODED = encoded_bins(BINS)


def make_stage(kind: str, causal: bool = True) -> DenseStage:
    """A stage with weights unlike those it starts from, so that no part is idle."""
    torch.manual_seed(0)
    stage: DenseStage
    if kind == "encoder":
        stage = DenseEncoder(IN_CHANNELS, CHANNELS, BINS, DEPTH, causal)
    elif kind == "magnitude":
        stage = MagDecoder(CHANNELS, BINS, BETA, DEPTH, causal)
    else:
        stage = PhaseDecoder(CHANNELS, BINS, DEPTH, causal)
    for parameter in stage.parameters():
        nn.init.normal_(parameter, std=0.3)
    return stage


def make_input(kind: str, frames: int) -> Tensor:
    channels, bins = (IN_CHANNELS, BINS) if kind == "encoder" else (CHANNELS, ENCODED)
    return torch.randn(2, channels, frames, bins, generator=torch.Generator().manual_seed(1))


KINDS = pytest.mark.parametrize("kind", ["encoder", "magnitude", "phase"])


@KINDS
def test_steps_and_chunks_give_one_pass(kind: str, assert_streams: Check) -> None:
    assert_streams(make_stage(kind), make_input(kind, 23), time=2, out_time=-2)


@KINDS
def test_no_stage_sees_the_future(kind: str, assert_causal: Check) -> None:
    assert_causal(make_stage(kind), make_input(kind, 16), time=2, out_time=-2)


def test_the_dense_block_reaches_back_as_far_as_its_dilations() -> None:
    """Kernels of 3 frames dilated by 1, 2 and 4: 14 frames before the present, and no more."""
    torch.manual_seed(0)
    block = DenseBlock(CHANNELS, ENCODED, DEPTH)
    x = torch.randn(1, CHANNELS, 30, ENCODED)
    other = x.clone()
    other[:, :, 10] += 1.0
    changed = (block(x)[0] != block(other)[0]).any(dim=3).any(dim=1)[0]
    assert changed.nonzero().flatten().tolist() == list(range(10, 10 + 2 * (1 + 2 + 4) + 1))


def test_the_state_is_the_past_of_the_last_layer() -> None:
    state = make_stage("encoder").init_state(2)
    assert state_names(state) == ["past"]
    assert state_bytes(state) == 4 * 2 * (DEPTH * CHANNELS) * 2**DEPTH * BINS


@KINDS
@pytest.mark.parametrize("causal", [True, False])
def test_shapes_and_ranges(kind: str, causal: bool) -> None:
    y, _ = make_stage(kind, causal)(make_input(kind, 7))
    if kind == "encoder":
        assert y.shape == (2, CHANNELS, 7, ENCODED)
    elif kind == "magnitude":
        assert y.shape == (2, 1, 7, BINS)
        assert y.min() > 0
        assert y.max() < BETA
    else:
        assert y.shape == (2, 7, BINS)
        assert y.abs().max() <= torch.pi


def test_both_forms_have_the_same_parameters() -> None:
    for kind in ("encoder", "magnitude", "phase"):
        causal, offline = make_stage(kind).state_dict(), make_stage(kind, causal=False).state_dict()
        assert {name: value.shape for name, value in causal.items()} == {
            name: value.shape for name, value in offline.items()
        }


def test_the_offline_form_looks_both_ways_and_carries_nothing() -> None:
    stage, x = make_stage("encoder", causal=False), make_input("encoder", 30)
    assert stage.init_state(2) == ()
    other = x.clone()
    other[:, :, 20] += 1.0
    before, state = stage(x)
    changed = (before - stage(other)[0]).abs().amax(dim=(0, 1, 3)) > 1e-4
    assert state == ()
    assert changed[:20].any()
    assert changed[20:].any()


def test_frame_norm_sees_one_frame_and_one_channel_at_a_time() -> None:
    norm = FrameNorm(3)
    x = torch.randn(2, 3, 5, 40) * torch.rand(2, 3, 5, 1) * 10 + 3
    y = norm(x)
    torch.testing.assert_close(y.mean(-1), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(-1, correction=0), torch.ones(2, 3, 5), atol=1e-2, rtol=0)
    torch.testing.assert_close(norm(x[:1, :, 2:3]), y[:1, :, 2:3])
    assert torch.isfinite(norm(torch.zeros(1, 3, 1, 40))).all()


def test_learnable_sigmoid_has_a_slope_for_each_bin() -> None:
    sigmoid = LearnableSigmoid(4, beta=1.5)
    with torch.no_grad():
        sigmoid.slope.copy_(torch.tensor([[0.0], [1.0], [2.0], [100.0]]))
    mask = sigmoid(torch.ones(1, 1, 2, 4))[0, 0, 0]
    torch.testing.assert_close(mask, 1.5 * torch.sigmoid(torch.tensor([0.0, 1.0, 2.0, 100.0])))


@pytest.mark.parametrize("bins", [201, 257, 161, 3])
def test_the_decoders_come_back_to_the_bins_of_the_encoder(bins: int) -> None:
    up = nn.ConvTranspose2d(1, 1, (1, 3), stride=(1, 2))
    assert up(torch.zeros(1, 1, 1, encoded_bins(bins))).shape[-1] == bins


@pytest.mark.parametrize("bins", [200, 1])
def test_bins_that_cannot_come_back_are_refused(bins: int) -> None:
    with pytest.raises(InputError, match="odd number of bins"):
        MagDecoder(CHANNELS, bins)
    with pytest.raises(InputError, match="odd number of bins"):
        DenseEncoder(2, CHANNELS, bins)
