"""Visual encoders: one lip crop after the other, causal, in the sizes and layouts of the design."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small

from lipstream.models.config import VisualConfig
from lipstream.models.lips.encoder import (
    CausalTemporalConv,
    LiteVisualEncoderA,
    LiteVisualEncoderB,
    make_visual_encoder,
)
from lipstream.models.state import flatten_state

Check = Callable[..., None]
Encoder = LiteVisualEncoderA | LiteVisualEncoderB
Make = Callable[..., Encoder]
MakeCrops = Callable[..., Tensor]

SMALL = VisualConfig(lips_size=32, embedding_size=24)
BOTH = pytest.mark.parametrize("kind", [LiteVisualEncoderA, LiteVisualEncoderB])


@pytest.fixture
def crops_of(lips: Callable[[int, int], Tensor]) -> MakeCrops:
    """Makes ``[2, frames, 3, S, S]``."""
    return lambda frames, size=SMALL.lips_size: lips(2 * frames, size).unflatten(0, (2, frames))


@pytest.fixture
def make(settle_batch_norms: Callable[[nn.Module, Tensor], None], lips: Callable[[int, int], Tensor]) -> Make:
    """Makes an encoder whose embeddings depend on what it sees."""

    def encoder_of(kind: type, config: VisualConfig = SMALL) -> Encoder:
        torch.manual_seed(0)
        encoder: Encoder = kind(config)
        settle_batch_norms(encoder, lips(16, config.lips_size))
        return encoder

    return encoder_of


@BOTH
def test_steps_and_chunks_give_one_pass(
    crops_of: MakeCrops, make: Make, kind: type, assert_streams: Check
) -> None:
    assert_streams(make(kind), crops_of(13), time=1, out_time=1)


@BOTH
def test_no_encoder_sees_the_future(
    crops_of: MakeCrops, make: Make, kind: type, assert_causal: Check
) -> None:
    assert_causal(make(kind), crops_of(8), time=1, out_time=1)


@BOTH
@torch.no_grad()
def test_an_embedding_remembers_the_frames_before_it(crops_of: MakeCrops, make: Make, kind: type) -> None:
    """A (temporal convolution of 5 frames) 4 frames, B (two of 3 frames more) 8 frames."""
    encoder, crops = make(kind), crops_of(14)
    other = crops.clone()
    other[:, 2] = 1.0 - other[:, 2]
    changed = (encoder(crops)[0] != encoder(other)[0]).any(dim=-1).any(dim=0)
    memory = 4 if kind is LiteVisualEncoderA else 8
    assert changed.nonzero().flatten().tolist() == list(range(2, 2 + memory + 1))


@pytest.mark.parametrize(
    ("kind", "encoder"), [(LiteVisualEncoderA, "mobilenet"), (LiteVisualEncoderB, "conv3d")]
)
@torch.no_grad()
def test_lips_of_96_pixels_become_512_numbers(crops_of: MakeCrops, kind: type, encoder: str) -> None:
    config = VisualConfig(encoder=encoder)  # type: ignore[arg-type]
    layer = make_visual_encoder(config).eval()
    embedding, state = layer.step(crops_of(1, 96)[:, 0], layer.init_state(2))
    assert type(layer) is kind
    assert embedding.shape == (2, 512)
    assert all(torch.isfinite(tensor).all() for tensor in (embedding, *flatten_state(state)))


def test_encoder_b_has_less_than_a_million_parameters() -> None:
    encoder = LiteVisualEncoderB(VisualConfig())
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 1_000_000


@pytest.mark.parametrize("size", [30, 33, 64])
@torch.no_grad()
def test_encoder_b_takes_crops_of_any_size(crops_of: MakeCrops, make: Make, size: int) -> None:
    encoder = make(LiteVisualEncoderB, replace(SMALL, lips_size=size))
    assert encoder(crops_of(2, size))[0].shape == (2, 2, 24)


@BOTH
@torch.no_grad()
def test_black_white_and_frozen_video_frames_have_finite_embeddings(
    crops_of: MakeCrops, make: Make, kind: type
) -> None:
    encoder, crops = make(kind), crops_of(6)
    for pictures in (torch.zeros_like(crops), torch.ones_like(crops), crops[:, :1].expand_as(crops)):
        embedding, _ = encoder(pictures)
        assert torch.isfinite(embedding).all()


@torch.no_grad()
def test_the_backbone_of_encoder_a_is_torchvisions(crops_of: MakeCrops, make: Make) -> None:
    theirs, ours = mobilenet_v3_small().eval(), make(LiteVisualEncoderA)
    assert isinstance(ours, LiteVisualEncoderA)
    theirs.features.load_state_dict(ours.backbone.state_dict(), strict=True)
    crops = crops_of(1)
    normalised = (crops[:, 0] - ours.mean) / ours.std
    features = theirs.avgpool(theirs.features(normalised)).flatten(1)
    expected, _ = ours.temporal(ours.project(features)[:, None], ours.init_state(2).temporal)
    torch.testing.assert_close(ours(crops)[0], expected, rtol=1e-4, atol=1e-4)


def test_a_frozen_backbone_stays_as_it_is_in_training(crops_of: MakeCrops) -> None:
    torch.manual_seed(0)
    encoder = LiteVisualEncoderA(SMALL, frozen=True).train()
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    embedding, _ = encoder(crops_of(4))
    embedding.square().sum().backward()
    assert all(parameter.grad is None for parameter in encoder.backbone.parameters())
    assert all(torch.equal(value, before[name]) for name, value in encoder.backbone.state_dict().items())
    assert encoder.project.weight.grad is not None


def test_a_free_backbone_learns(crops_of: MakeCrops) -> None:
    torch.manual_seed(0)
    encoder = LiteVisualEncoderA(SMALL).train()
    before = encoder.backbone[0][1].running_mean.clone()
    encoder(crops_of(4))[0].square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.backbone.parameters())
    assert not torch.equal(encoder.backbone[0][1].running_mean, before)


def test_the_temporal_convolution_never_sees_the_future() -> None:
    torch.manual_seed(0)
    layer = CausalTemporalConv(6)
    x = torch.randn(1, 9, 6)
    other = x.clone()
    other[:, 4] += 1.0
    before, after = (layer(v, layer.init_state(1))[0] for v in (x, other))
    changed = (before != after).any(dim=-1)[0]
    assert changed.nonzero().flatten().tolist() == [4, 5, 6, 7, 8]
