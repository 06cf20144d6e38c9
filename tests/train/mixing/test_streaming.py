"""Training from shards: every shard has its turn, and what a step draws depends on seed and step alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lipstream.errors import InputError
from lipstream.tests.train.data.test_shards import pack
from lipstream.train.data.corpus import Corpus
from lipstream.train.data.shards import LIST, Shard, ShardList
from lipstream.train.mixing.batches import BatchSource, draw_ahead, read_sources, summary_of
from lipstream.train.mixing.streaming import Series, ShardStream
from lipstream.train.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def sharded(make_recipe: MakeRecipe, data: Path, tmp_path: Path) -> Recipe:
    """A recipe whose speech comes from four shards of a clip, two at a time, another one every two steps."""
    pack(data, tmp_path / "shards", hours=0.0003)
    return make_recipe(data=str(tmp_path / "shards" / LIST), shard_window=2)


def sources(recipe: Recipe, tmp_path: Path) -> tuple[BatchSource, BatchSource]:
    return read_sources(recipe, tmp_path / "cache")


def test_each_shard_has_its_turn_once_each_time_round_in_another_order() -> None:
    files = tuple(Path(f"{number}.tar") for number in range(20))
    series = Series("speech", "a", files, 20.0, 8, 3, 7)
    windows = [series.window(step) for step in range(0, 3 * 40, 3)]
    assert windows[0] == series.window(1) == series.window(2)
    assert all(len(window) == 8 for window in windows[:12])
    first, second = ([window[0] for window in windows[start : start + 20]] for start in (0, 20))
    assert sorted(first) == sorted(second) == sorted(files)
    assert first != second
    assert [one[1:] for one in windows[:12]] == [one[:-1] for one in windows[1:13]]  # one goes, one comes


def test_few_shards_are_all_there_at_any_time() -> None:
    files = (Path("a.tar"), Path("b.tar"))
    assert Series("noise", "a", files, 1.0, 8, 1, 7).window(12345) == files


def test_what_a_step_draws_does_not_depend_on_the_steps_before(sharded: Recipe, tmp_path: Path) -> None:
    source, _ = sources(sharded, tmp_path)
    batches = list(draw_ahead(source, 2, 7, range(6)))
    fresh, _ = sources(sharded, tmp_path)
    for step in (5, 2):
        (again,) = draw_ahead(fresh, 2, 7, [step])
        assert torch.equal(again.noisy, batches[step].noisy)
        assert torch.equal(again.clean, batches[step].clean)


@pytest.mark.slow
def test_workers_and_parts_of_a_batch_draw_the_same(sharded: Recipe, tmp_path: Path) -> None:
    source, _ = sources(sharded, tmp_path)
    alone = list(draw_ahead(source, 2, 7, range(4)))
    together = draw_ahead(sources(sharded, tmp_path)[0], 1, 7, range(4), workers=2, first=1)
    for whole, part in zip(alone, together, strict=True):
        assert torch.equal(whole.noisy[1:], part.noisy)


def test_a_run_hears_more_speakers_than_stand_in_a_window(sharded: Recipe, tmp_path: Path) -> None:
    source, _ = sources(sharded, tmp_path)
    heard = set()
    for step in range(12):
        source.draw(1, 7, step)
        now = {clip.recording for clips in source.mixer.speech_by_source.values() for clip in clips}
        assert len(now) == 2
        heard |= now
    assert len(heard) == 4


def test_held_out_noise_is_kept_apart_and_licences_are_known(sharded: Recipe, tmp_path: Path) -> None:
    training, validation = sources(sharded, tmp_path)
    assert {clips[0].source for clips in training.mixer.noise_by_source} == {"fan"}
    assert {clips[0].source for clips in validation.mixer.noise_by_source} == {"noisekun"}
    assert summary_of(sharded, training)["licences"] == ["unknown"]


def test_hours_are_those_of_all_shards_without_excluded_licences(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    shard = Shard("a.tar", "speech", "x", "train", 9, {"CC BY": 7200.0, "GPL": 3600.0})
    recipe = make_recipe(exclude_licences=("gpl",))
    stream = ShardStream([ShardList(tmp_path, (shard,))], recipe, Corpus((), (), ()))
    assert stream.hours() == {"speech": 2.0, "noise": 0.0}


def test_a_missing_shard_is_told_before_the_first_step(sharded: Recipe, tmp_path: Path) -> None:
    next((tmp_path / "shards").glob("*.tar")).unlink()
    with pytest.raises(InputError, match="but missing: make it again"):
        sources(sharded, tmp_path)
