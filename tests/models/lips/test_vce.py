"""Visual confidence: alpha is in [0, 1] whatever comes, and the smoother rises and falls at two speeds."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lipstream.models.lips.fusion import VCE, VCEWithTemporalSmoothing

Check = Callable[..., None]

SIZE = 7
BOTH = pytest.mark.parametrize("kind", [VCE, VCEWithTemporalSmoothing])


def random_embedding(frames: int) -> Tensor:
    return 3.0 * torch.randn(2, frames, SIZE, generator=torch.Generator().manual_seed(frames))


@torch.no_grad()
def transparent(smoother: VCEWithTemporalSmoothing) -> VCEWithTemporalSmoothing:
    """Makes its raw confidence ``sigmoid(embedding)``, of one number: ``silu(x) - silu(-x) = x``."""
    sign = torch.tensor([[1.0], [-1.0]])
    for layer, weight in zip(smoother.vce.layers[::2], (sign, sign.t()), strict=True):
        assert isinstance(layer, nn.Linear)
        layer.weight.copy_(weight)
        layer.bias.zero_()
    return smoother


@BOTH
def test_steps_and_chunks_give_one_pass(kind: type, assert_streams: Check) -> None:
    torch.manual_seed(0)
    assert_streams(kind(SIZE), random_embedding(23), time=1, out_time=1)


@BOTH
def test_confidence_never_sees_the_future(kind: type, assert_causal: Check) -> None:
    torch.manual_seed(0)
    assert_causal(kind(SIZE), random_embedding(12), time=1, out_time=1)


@BOTH
@pytest.mark.parametrize("loudness", [0.0, 1.0, 1e6])
def test_alpha_is_one_number_a_frame_in_0_to_1(kind: type, loudness: float) -> None:
    torch.manual_seed(0)
    alpha, _ = kind(SIZE)(loudness * random_embedding(9))
    assert alpha.shape == (2, 9, 1)
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_without_smoothing_nothing_is_carried() -> None:
    assert VCE(SIZE).init_state(2) == ()


@settings(max_examples=60, deadline=None)
@given(
    logits=st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=12),
    speeds=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
)
@torch.no_grad()
def test_smoothing_stays_between_what_it_was_and_what_it_is_told(
    logits: list[float], speeds: tuple[float, float]
) -> None:
    smoother = transparent(VCEWithTemporalSmoothing(1, hidden=2))
    smoother.speed_logits.copy_(torch.tensor(speeds))
    raw = torch.sigmoid(torch.tensor(logits))
    alpha, _ = smoother(torch.tensor(logits)[None, :, None])
    before = 0.0
    for now, told in zip(alpha.flatten().tolist(), raw.tolist(), strict=True):
        assert 0.0 <= now <= 1.0
        assert min(before, told) - 1e-6 <= now <= max(before, told) + 1e-6
        before = now


@torch.no_grad()
def test_confidence_rises_at_one_speed_and_falls_at_the_other() -> None:
    smoother = transparent(VCEWithTemporalSmoothing(1, hidden=2))
    rise, fall = 0.25, 0.75
    smoother.speed_logits.copy_(torch.logit(torch.tensor([rise, fall])))
    high, low = 40.0, -40.0  # raw confidence 1 and 0
    alpha, _ = smoother(torch.tensor([high, high, low, low])[None, :, None])
    up = [rise, rise + rise * (1 - rise)]
    expected = torch.tensor([*up, up[1] * (1 - fall), up[1] * (1 - fall) ** 2])
    torch.testing.assert_close(alpha.flatten(), expected)


@torch.no_grad()
def test_it_starts_out_losing_confidence_faster_than_it_gains_it() -> None:
    rise, fall = torch.sigmoid(VCEWithTemporalSmoothing(SIZE).speed_logits)
    assert 0 < rise < fall < 1
