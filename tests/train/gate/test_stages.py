"""What a stage gets of the pool: crops that know their past, cues at their frames, labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.models.layers.stft import Analysis
from lipstream.models.store.checkpoint import load_model
from lipstream.train.cue.errors import load_errors
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.gate.pool import Pool
from lipstream.train.gate.recipe import GateRecipe, PoolConfig, TrunkConfig
from lipstream.train.gate.stages import GateBatch, Source, _separation_loss
from lipstream.train.mixing.cues import CueConfig
from lipstream.train.mixing.mixtures import Mixer


@pytest.fixture
def make_source(
    make_recipe: Callable[..., GateRecipe], weights: Path, gated: str, tmp_path: Path
) -> Callable[..., Source]:
    """A source of one mixture."""

    def make(**changes: object) -> Source:
        recipe = make_recipe(pool=PoolConfig(items=1, renew=0, every=1), **changes)
        corpus = read_corpus(read_library(recipe.data), tmp_path / "cache")
        net = load_model(gated, weights).requires_grad_(False)
        pool = Pool(Mixer(corpus, recipe.mix), net, recipe.pool, recipe.seed)
        for _ in pool.advance(0):
            pass
        return Source(recipe, pool, load_errors())

    return make


def test_a_crop_is_a_part_of_the_whole_and_knows_what_came_before(make_source: Callable[..., Source]) -> None:
    source = make_source(trunk=TrunkConfig(steps=1, batch=6, seconds=0.6, dropped=0.0))
    item = source.pool.pick(np.random.default_rng(0))
    whole, _ = Analysis(source.stft)(torch.from_numpy(item.noisy)[None])
    batch = source.draw_right(source.recipe.trunk, np.random.default_rng(1))
    assert batch.heard.shape[2] == 48
    assert batch.trust.tolist() == [1.0] * 6
    places = set()
    for heard, kept, gain in zip(batch.heard, batch.kept, batch.gain, strict=True):
        first = next(n for n in range(33) if np.array_equal(item.gain[n : n + 48], gain.numpy()))
        places.add(first)
        torch.testing.assert_close(heard, whole[0, :, first : first + 48], atol=1e-5, rtol=1e-4)
        np.testing.assert_array_equal(kept.numpy(), item.kept[:, first : first + 48])
    assert len(places) > 1


def test_labels_say_which_cues_may_be_trusted(make_source: Callable[..., Source]) -> None:
    for weights, trusted in (((1, 0, 0, 0, 0, 0), 1.0), ((0, 1, 0, 0, 0, 0), 0.0), ((0, 0, 0, 0, 0, 1), 0.0)):
        source = make_source(cues=CueConfig(weights=tuple(map(float, weights))))
        batch = source.draw(2, np.random.default_rng(0))
        assert batch.trust.tolist() == [trusted] * 2
        assert batch.cue.shape == (2, 80, 10)
    assert (batch.age_s > 1e5).all()


def test_a_cue_that_misleads_costs_what_it_takes_from_the_speech_and_nothing_else(
    make_recipe: Callable[..., GateRecipe],
) -> None:
    """Audio alone keeps speech in the low bins and somebody else in the high ones."""
    generator = torch.Generator().manual_seed(0)
    kept = torch.randn(1, 2, 40, 20, generator=generator)
    clean = torch.cat([kept[..., :10], torch.zeros(1, 2, 40, 10)], dim=-1)
    blank = torch.zeros(1, 40)
    batch = GateBatch(kept, kept, clean, torch.ones(1, 40), blank, blank, torch.zeros(1))
    whole, other_closed, speech_closed = torch.ones(3, 1, 40, 20)
    other_closed[..., 10:], speech_closed[..., :10] = 0.1, 0.1
    costs = [_separation_loss(batch, gate, make_recipe())[0] for gate in (whole, other_closed, speech_closed)]
    assert costs[0] == costs[1] == 0.0
    assert costs[2] > 0.1
    trusted = batch._replace(trust=torch.ones(1))
    costs = [
        _separation_loss(trusted, gate, make_recipe())[0] for gate in (other_closed, whole, speech_closed)
    ]
    assert costs[0] < costs[1] < costs[2]
