"""The learning rate over a run, and what an optimizer may be told."""

import itertools
from typing import Any

import pytest
import torch

from lipstream.errors import InputError
from lipstream.train.optimizer import OptimizerConfig, learning_rate, make_optimizer, set_learning_rate


def test_the_cosine_warms_up_and_decays_to_its_final_fraction() -> None:
    config = OptimizerConfig(learning_rate=1.0, warmup_steps=10, final_fraction=0.1)
    rates = [learning_rate(step, config, 100) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[10:]))


def test_the_exponential_warms_up_and_falls_by_its_decay_however_long_the_run_is() -> None:
    config = OptimizerConfig(
        learning_rate=1.0, warmup_steps=10, schedule="exponential", decay=0.5, decay_steps=20
    )
    for steps in (50, 5000):
        rates = [learning_rate(step, config, steps) for step in (0, 9, 10, 20, 30, 50)]
        assert rates == pytest.approx([0.1, 1.0, 1.0, 0.5**0.5, 0.5, 0.25])


def test_the_optimizer_is_adamw_with_the_betas_and_rate_of_the_recipe() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = make_optimizer([weight], OptimizerConfig(betas=(0.8, 0.99), weight_decay=0.1))
    weight.grad = torch.tensor([0.5, 0.5])
    set_learning_rate(optimizer, 0.01)
    optimizer.step()
    # The first step of Adam is the sign of the gradient; AdamW decays the weight apart from it.
    expected = torch.tensor([1.0, -2.0]) * (1 - 0.01 * 0.1) - 0.01
    torch.testing.assert_close(weight.detach(), expected)
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.99)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "linear"}, "unknown schedule 'linear': choose one of cosine, exponential"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"clip_norm": -1.0}, "above 0"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"betas": (0.9,)}, "betas"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"decay": 0.0}, "decay"),
        ({"final_fraction": 2.0}, "final_fraction"),
        ({"decay_steps": 0}, "decay_steps at least 1"),
        ({"warmup_steps": -1}, "warmup_steps"),
    ],
)
def test_values_out_of_their_range_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        OptimizerConfig(**changes)
