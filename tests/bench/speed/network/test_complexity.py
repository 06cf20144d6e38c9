"""Counting multiply-accumulates, parameters and state: small layers counted by hand, then the presets."""

import pytest
import torch
from torch import nn

from lipstream.bench.speed.network.complexity import (
    count_macs,
    count_parameters,
    offline_complexity,
    streaming_complexity,
)
from lipstream.kernels.reference.ssd import ssd_step


@pytest.mark.parametrize(
    ("layer", "shape", "products"),
    [
        (nn.Linear(8, 5), (3, 8), 3 * 8 * 5),
        (nn.Linear(8, 5, bias=False), (2, 3, 8), 2 * 3 * 8 * 5),
        (nn.Conv1d(4, 6, 3, padding=1), (1, 4, 10), 10 * 4 * 6 * 3),
        (nn.Conv2d(4, 4, (2, 3), groups=4), (1, 4, 5, 7), 4 * (4 * 5) * 2 * 3),
        (nn.ConvTranspose1d(4, 6, 2, stride=2), (1, 4, 10), 10 * 4 * 6 * 2),
    ],
    ids=["linear", "linear on a batch", "convolution", "depthwise convolution", "transposed convolution"],
)
def test_layers_cost_what_a_count_by_hand_says(layer: nn.Module, shape: tuple[int, ...], products: int):
    macs = count_macs(lambda: layer(torch.randn(shape)))
    assert (macs.products, macs.elementwise) == (products, 0)


def test_elementwise_products_count_with_broadcasting_and_sums_do_not():
    a, b = torch.randn(4, 1), torch.randn(1, 6)
    macs = count_macs(lambda: torch.addcmul(a * b, a, b) + a / 2.0 + a)
    assert (macs.products, macs.elementwise, macs.total) == (0, 24 + 24 + 4, 52)


def test_a_step_of_a_scan_multiplies_each_state_three_times():
    rows, heads, size, states = 2, 3, 4, 5
    x, dt, shared = torch.randn(rows, heads, size), torch.rand(rows, heads), torch.randn(rows, states)
    state = torch.randn(rows, heads, size, states)
    macs = count_macs(lambda: ssd_step(x, dt, -torch.rand(heads), shared, shared, torch.ones(heads), state))
    per_head, per_channel = rows * heads, rows * heads * size
    assert macs.total == 3 * per_channel * states + per_head + 2 * per_channel  # dt A; dt x and D x


def test_matrix_times_matrix_is_counted_once():
    macs = count_macs(lambda: torch.einsum("bij,bjk->bik", torch.randn(2, 3, 4), torch.randn(2, 4, 5)))
    assert (macs.products, macs.elementwise) == (2 * 3 * 4 * 5, 0)


def test_parameters_are_the_numbers_in_the_weights():
    assert count_parameters(nn.Linear(8, 5)) == 45


def test_the_shipped_default_stays_within_its_budget():
    complexity = streaming_complexity("lite")
    assert complexity.state_bytes is not None
    assert complexity.state_bytes < 2**20
    assert complexity.visual_parameters < 1e6


def test_the_offline_form_of_a_preset_costs_more_and_carries_no_state():
    offline = offline_complexity("lite", seconds=1)
    assert offline.state_bytes is None
    assert offline.macs_per_second > streaming_complexity("lite").macs_per_second
