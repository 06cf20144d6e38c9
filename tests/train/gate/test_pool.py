"""The pool: its mixtures, what a step finds in it, and how it is renewed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.models.layers.stft import Analysis
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.checkpoint import load_model
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.gate.held_out import HeldOutCues, Spoken
from lipstream.train.gate.pool import Mixture, Pool
from lipstream.train.gate.recipe import GateRecipe
from lipstream.train.mixing.mixtures import Mixer


@pytest.fixture
def make_pool(
    make_recipe: Callable[..., GateRecipe], weights: Path, gated: str, tmp_path: Path
) -> Callable[[], Pool]:
    def make() -> Pool:
        recipe = make_recipe()
        corpus = read_corpus(read_library(recipe.data), tmp_path / "cache")
        net: LiteAVSEMamba = load_model(gated, weights).requires_grad_(False)
        return Pool(Mixer(corpus, recipe.mix), net, recipe.pool, recipe.seed)

    return make


def at(pool: Pool, step: int) -> list[Mixture]:
    for _ in pool.advance(step):
        pass
    return [pool.pick(_Fixed(index)) for index in range(4)]  # type: ignore[arg-type]


class _Fixed:
    """A generator that draws one number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def integers(self, most: int) -> int:
        return self.number


def same(first: Mixture, second: Mixture) -> bool:
    assert first.real is second.real is None
    return all(np.array_equal(*pair) for pair in zip(first[:5], second[:5], strict=True))


def test_an_item_is_a_mixture_with_what_the_network_makes_of_it(make_pool: Callable[[], Pool]) -> None:
    pool = make_pool()
    item = at(pool, 0)[0]
    spectrum, _ = Analysis(pool.net.config.stft)(torch.from_numpy(item.noisy)[None])
    with torch.no_grad():
        kept, _, _ = pool.net(spectrum)
    # Half precision, and a network that hears noise of half precision.
    size = float(kept.abs().max())
    np.testing.assert_allclose(item.kept, kept[0].numpy(), atol=0.01 * size)
    assert item.clean.shape == item.other.shape == (16000,)
    assert not np.array_equal(item.clean, item.other)


def test_real_cues_come_with_the_speech_they_tell_of(make_pool: Callable[[], Pool]) -> None:
    pool = make_pool()
    numbers = np.arange(25, dtype=np.float32)
    pool.faces = HeldOutCues(
        [
            Spoken(name, np.repeat((first + numbers) / 100, 640), np.tile(first + numbers[:, None], (1, 10)))
            for name, first in (("a", 1), ("b", 51))
        ]
    )
    pool.config = replace(pool.config, real=1.0)
    for item in at(pool, 0):
        assert item.real is not None
        assert item.real.own.shape == (25, 10)
        loudness = item.clean.reshape(25, 640)[:, 320]
        np.testing.assert_allclose(
            loudness / loudness[0], item.real.own[:, 0] / item.real.own[0, 0], atol=0.02
        )
        assert (item.real.own[0, 0] > 50) != (item.real.other[0, 0] > 50)


def test_one_item_is_new_every_two_steps_and_the_others_stay(make_pool: Callable[[], Pool]) -> None:
    pool = make_pool()
    first, still, later = at(pool, 0), at(pool, 1), at(pool, 2)
    assert [same(*pair) for pair in zip(first, still, strict=True)] == [True] * 4
    assert [same(*pair) for pair in zip(first, later, strict=True)] == [False, True, True, True]


def test_a_step_finds_the_same_whether_the_pool_was_there_before_or_not(
    make_pool: Callable[[], Pool],
) -> None:
    grown, fresh = make_pool(), make_pool()
    at(grown, 0)
    at(grown, 3)
    assert all(same(*pair) for pair in zip(at(grown, 11), at(fresh, 11), strict=True))
