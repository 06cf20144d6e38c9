"""The parents' losses: nothing for the same spectrum, and each term by its formula."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.train.losses.loss import LossConfig
from lipstream.train.losses.spectra import PARENT_TERMS, Spectrum, parent_loss
from lipstream.train.recipe import Recipe

NONE = dict.fromkeys(("magnitude", "complex", "lost_speech", "si_sdr"), 0.0)


def spectrum(seed: int) -> Spectrum:
    generator = torch.Generator().manual_seed(seed)
    wave, mag = torch.randn(2, 100, generator=generator), torch.rand(2, 5, 4, generator=generator)
    return Spectrum(wave, mag, 6.0 * torch.rand(2, 5, 4, generator=generator) - 3.0)


def weighing(**weights: float) -> LossConfig:
    values: dict[str, Any] = {**NONE, **weights}
    return LossConfig(**values)


def test_the_same_spectrum_costs_nothing() -> None:
    same = spectrum(0)
    config = weighing(magnitude=0.9, phase=0.3, complex=0.1, consistency=0.1, time=0.2)
    loss, terms = parent_loss(same, same, same, config)
    assert set(terms) == set(PARENT_TERMS) - {"metric"}
    assert float(loss) == 0.0


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("magnitude", lambda a, b, c: (a.mag - c.mag).pow(2).mean()),
        ("complex", lambda a, b, c: (a.com - c.com).abs().pow(2).mean()),
        ("consistency", lambda a, b, c: (a.com - b.com).abs().pow(2).mean()),
        ("time", lambda a, b, c: (a.wave - c.wave).abs().mean()),
    ],
)
def test_each_term_is_weighed_and_told(term: str, expected) -> None:
    estimate, again, clean = (spectrum(seed) for seed in range(3))
    loss, terms = parent_loss(estimate, again, clean, weighing(**{term: 0.5}))
    assert list(terms) == [term]
    torch.testing.assert_close(terms[term], expected(estimate, again, clean))
    torch.testing.assert_close(loss, 0.5 * terms[term])


def test_phases_are_compared_around_the_circle() -> None:
    flat = Spectrum(torch.zeros(1, 9), torch.ones(1, 3, 2), torch.full((1, 3, 2), math.pi - 0.1))
    turned = flat._replace(pha=flat.pha + 0.2 - 2 * math.pi)  # the slopes stay what they are
    loss, _ = parent_loss(turned, turned, flat, weighing(phase=1.0))
    torch.testing.assert_close(loss, torch.tensor(0.2), rtol=0, atol=1e-5)


def test_a_metric_alone_leaves_all_to_the_critic() -> None:
    same: Tensor = parent_loss(spectrum(0), spectrum(1), spectrum(2), weighing(metric=0.05))[0]
    assert float(same) == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "mpsenet"}, "loss.lost_speech is no term of mpsenet: set it to 0"),
        ({"loss": LossConfig(metric=0.1)}, "loss.metric are for semamba, mpsenet, mpsenet-mamba"),
        ({"pcs": True}, "pcs and loss.metric are for"),
    ],
)
def test_terms_that_a_model_has_not_are_refused(changes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Recipe(**changes)
