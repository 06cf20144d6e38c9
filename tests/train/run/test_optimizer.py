"""The learning rate over a run, what moves which parameters and how far, what an optimizer may be told."""

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lipstream.errors import InputError
from lipstream.models.layers.mamba1 import Mamba1Mixer
from lipstream.models.lite_avse import build
from lipstream.train.run.optimizer import (
    OptimizerConfig,
    Together,
    is_matrix,
    learning_rate,
    make_optimizer,
    set_learning_rate,
)

MUON = OptimizerConfig(matrices="muon")
SIDES = st.integers(8, 24)


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
    optimizer = make_optimizer([("weight", weight)], OptimizerConfig(betas=(0.8, 0.99), weight_decay=0.1))
    weight.grad = torch.tensor([0.5, 0.5])
    set_learning_rate(optimizer, 0.01)
    optimizer.step()
    # The first step of Adam is the sign of the gradient; AdamW decays the weight apart from it.
    expected = torch.tensor([1.0, -2.0]) * (1 - 0.01 * 0.1) - 0.01
    torch.testing.assert_close(weight.detach(), expected)
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.99)


def linear_weights(net: nn.Module) -> set[str]:
    """The names of the weights of the linear layers that have at least eight inputs and eight outputs."""
    layers = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, nn.Linear)]
    return {f"{name}.weight" for name, layer in layers if min(layer.in_features, layer.out_features) >= 8}


def test_muon_moves_the_weights_of_wide_linear_layers_and_adamw_all_else() -> None:
    for net in (build("lite"), Mamba1Mixer(16)):
        named = dict(net.named_parameters())
        matrices = {name for name, value in named.items() if is_matrix(name, value)}
        assert matrices == linear_weights(net) != set()
        optimizer = make_optimizer(named.items(), MUON)
        assert isinstance(optimizer, Together)
        moved = {
            kind: {id(value) for group in part.param_groups for value in group["params"]}
            for kind, part in optimizer.parts.items()
        }
        assert moved["muon"] == {id(named[name]) for name in matrices}
        assert moved["adamw"] == {id(value) for value in named.values()} - moved["muon"]
        assert sum(len(group["params"]) for group in optimizer.param_groups) == len(named)


def newton_schulz(singular_value: Tensor) -> Tensor:
    """What the five steps of Jordan et al. 2024 make of a singular value of a matrix of norm 1."""
    for _ in range(5):
        singular_value = 3.4445 * singular_value - 4.7750 * singular_value**3 + 2.0315 * singular_value**5
    return singular_value


@settings(max_examples=12, deadline=None)
@given(rows=SIDES, columns=SIDES, seed=st.integers(0, 9))
def test_a_step_of_muon_is_the_gradient_with_singular_values_near_one(
    rows: int, columns: int, seed: int
) -> None:
    weight, gradient = torch.randn(2, rows, columns, generator=torch.Generator().manual_seed(seed))
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient
    named = [("weight", parameter), ("bias", nn.Parameter(torch.zeros(rows)))]
    optimizer = make_optimizer(named, OptimizerConfig(matrices="muon", weight_decay=0.1))
    set_learning_rate(optimizer, 0.02)
    optimizer.step()
    u, s, v = torch.linalg.svd(gradient, full_matrices=False)
    expected = u @ torch.diag(newton_schulz(s / s.norm())) @ v
    step = (weight * (1 - 0.02 * 0.1) - parameter.detach()) / 0.02
    found = step / (0.2 * max(rows, columns) ** 0.5)
    assert (found - expected).norm() < 0.15 * expected.norm()  # its arithmetic is bfloat16
    assert 0.1 < step.square().mean().sqrt() < 0.3  # like the steps of AdamW


def test_what_is_known_learns_at_its_part_of_the_rate_through_the_whole_run() -> None:
    shapes = {"old.weight": (8, 8), "old.bias": (8,), "new.weight": (8, 8), "new.bias": (8,)}
    named = {name: nn.Parameter(torch.zeros(shape)) for name, shape in shapes.items()}
    config = OptimizerConfig(matrices="muon", learning_rate=2.0, known_rate=0.25, warmup_steps=2)
    optimizer = make_optimizer(named.items(), config, new={"new.weight", "new.bias"})
    for step in range(5):
        set_learning_rate(optimizer, rate := learning_rate(step, config, 5))
        rates = {id(value): group["lr"] for group in optimizer.param_groups for value in group["params"]}
        for name, value in named.items():
            assert rates[id(value)] == (rate if name.startswith("new") else 0.25 * rate)


def test_a_checkpoint_from_before_there_were_factors_has_the_whole_rate() -> None:
    weight = nn.Parameter(torch.zeros(2))
    optimizer = make_optimizer([("weight", weight)], OptimizerConfig())
    optimizer.load_state_dict(torch.optim.AdamW([weight]).state_dict())
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "linear"}, "unknown schedule 'linear': choose one of cosine, exponential"),
        ({"matrices": "sgd"}, "unknown matrices 'sgd': choose one of adamw, muon"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"known_rate": 0.0}, "known_rate must be above 0 and at most 1"),
        ({"known_rate": 1.1}, "known_rate must be above 0 and at most 1"),
        ({"known_rate": float("nan")}, "known_rate must be above 0 and at most 1"),
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
