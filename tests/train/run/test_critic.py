"""The critic of a parent: it learns what PESQ says, and tells the parent where it falls short."""

import copy
from collections.abc import Callable

import pytest
import torch

from lipstream.models.parents.inference import analyse
from lipstream.models.parents.mpsenet import MPSENetConfig
from lipstream.train.losses.discriminator import MetricDiscriminator, scaled_pesq
from lipstream.train.losses.loss import LossConfig
from lipstream.train.recipe import Recipe
from lipstream.train.run import critic as critics
from lipstream.train.run.critic import Critic, Judged
from lipstream.train.run.distributed import Group
from lipstream.train.run.optimizer import OptimizerConfig

ALONE = Group(torch.device("cpu"))
LOSS = LossConfig(metric=0.05, lost_speech=0.0, si_sdr=0.0)


@pytest.fixture
def critic(make_recipe: Callable[..., Recipe]) -> Critic:
    torch.manual_seed(0)
    optimizer = OptimizerConfig(learning_rate=2e-2, warmup_steps=0, schedule="exponential", clip_norm=1e3)
    model = {"channels": 4, "num_blocks": 1}
    return Critic(make_recipe(preset="mpsenet", model=model, loss=LOSS, optimizer=optimizer), ALONE)


@pytest.fixture
def judged() -> Judged:
    """Two tones with little and with much noise."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.sin(torch.arange(3200) * torch.tensor([[0.1], [0.2]]))
    estimate = clean + torch.tensor([[0.01], [1.0]]) * torch.randn(2, 3200, generator=generator)
    mag = analyse(estimate, MPSENetConfig())[0].requires_grad_()
    return Judged(analyse(clean, MPSENetConfig())[0], mag, clean, estimate)


def test_it_learns_what_pesq_says(critic: Critic, judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([4.5, 1.5] * 60)
    monkeypatch.setattr(critics, "pesq_wb", lambda clean, estimate: next(said))
    losses = [float(critic.learn(judged, step) or torch.nan) for step in range(60)]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    critic.net.eval()
    good, bad = critic.net(judged.clean, judged.estimate).tolist()
    assert good > bad + 0.3


def test_pesq_is_scaled_to_one_and_what_has_none_teaches_nothing(
    critic: Critic, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scaled_pesq(torch.tensor([1.0, 4.5])).tolist() == [0.0, 1.0]
    critic.net.eval()
    with torch.no_grad():
        clean = float((critic.net(judged.clean, judged.clean) - 1.0).square().mean())
    monkeypatch.setattr(critics, "pesq_wb", lambda clean, estimate: float("nan"))
    learnt = critic.learn(judged, 0)
    assert learnt is not None
    assert float(learnt) == pytest.approx(clean, rel=1e-4)


def test_doubt_is_the_parents_to_learn_from_alone(critic: Critic, judged: Judged) -> None:
    critic.doubt(judged).backward()
    assert judged.estimate.grad is not None
    assert judged.estimate.grad.abs().sum() > 0
    assert all(parameter.grad is None and parameter.requires_grad for parameter in critic.parameters)


def test_what_is_not_finite_is_not_learnt(critic: Critic, judged: Judged) -> None:
    before = copy.deepcopy(critic.net.slope)
    spoiled = judged._replace(estimate=judged.estimate.detach() * torch.nan)
    assert critic.learn(spoiled, 0) is None
    assert torch.equal(critic.net.slope, before)


def test_a_discriminator_scores_each_recording_by_itself() -> None:
    torch.manual_seed(0)
    net = MetricDiscriminator().eval()
    clean, estimate = torch.rand(2, 3, 201, 40)
    scores = net(clean, estimate)
    assert scores.shape == (3,)
    assert ((scores > 0) & (scores < 1)).all()
    torch.testing.assert_close(net(clean[1:2], estimate[1:2]), scores[1:2])
