"""The lite codec: the dense codec's interface and protocol at a fraction of its size."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.codecs.dense import (
    DenseEncoder,
    DenseStage,
    DepthwiseSeparableConv2d,
    LiteDenseBlock,
    LiteDenseEncoder,
    LiteMagDecoder,
    LitePhaseDecoder,
    MagDecoder,
    PhaseDecoder,
    encoded_bins,
)

Check = Callable[..., None]
MakeStage = Callable[..., DenseStage]

CHANNELS, BINS = 8, 21
#: For each lite stage: its dense twin, the sizes of both, and the bins they are given.
TWINS: dict[MakeStage, tuple[MakeStage, tuple[int, ...], int]] = {
    LiteDenseEncoder: (DenseEncoder, (3, CHANNELS, BINS), BINS),
    LiteMagDecoder: (MagDecoder, (CHANNELS, BINS), encoded_bins(BINS)),
    LitePhaseDecoder: (PhaseDecoder, (CHANNELS, BINS), encoded_bins(BINS)),
}

LITE_STAGES = pytest.mark.parametrize("lite", TWINS)


def make_input(lite: MakeStage, frames: int) -> Tensor:
    _, sizes, bins = TWINS[lite]
    return torch.randn(2, sizes[0], frames, bins, generator=torch.Generator().manual_seed(1))


def make_stage(lite: MakeStage) -> DenseStage:
    torch.manual_seed(0)
    stage = lite(*TWINS[lite][1])
    for parameter in stage.parameters():
        nn.init.normal_(parameter, std=0.3)
    return stage


@LITE_STAGES
def test_steps_and_chunks_give_one_pass(lite: MakeStage, assert_streams: Check) -> None:
    assert_streams(make_stage(lite), make_input(lite, 23), time=2, out_time=-2)


@LITE_STAGES
def test_no_stage_sees_the_future(lite: MakeStage, assert_causal: Check) -> None:
    assert_causal(make_stage(lite), make_input(lite, 16), time=2, out_time=-2)


@LITE_STAGES
@pytest.mark.parametrize("causal", [True, False])
def test_it_has_the_shapes_of_the_dense_codec_and_fewer_parameters(lite: MakeStage, causal: bool) -> None:
    dense, sizes, _ = TWINS[lite]
    x = make_input(lite, 5)
    small, large = lite(*sizes, causal=causal), dense(*sizes, causal=causal)
    assert isinstance(small.dense_block, LiteDenseBlock)
    assert small(x)[0].shape == large(x)[0].shape
    counts = [sum(parameter.numel() for parameter in stage.parameters()) for stage in (small, large)]
    assert counts[0] < counts[1] / 2


def test_a_separable_convolution_is_a_dense_one_of_rank_one_kernels() -> None:
    torch.manual_seed(0)
    separable = DepthwiseSeparableConv2d(3, 4, dilation=2)
    x = torch.randn(2, 3, 9, 6)
    assert separable.depthwise.bias is not None
    assert separable.pointwise.bias is not None
    across = separable.pointwise.weight[:, :, 0, 0]  # [out, in]
    kernels = across[:, :, None, None] * separable.depthwise.weight[:, 0]
    bias = across @ separable.depthwise.bias + separable.pointwise.bias
    expected = nn.functional.conv2d(x, kernels, bias, dilation=(2, 1), padding=(0, 1))
    assert expected.shape == (2, 4, 5, 6)
    torch.testing.assert_close(separable(x), expected)
