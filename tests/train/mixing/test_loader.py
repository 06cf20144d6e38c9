"""Batches drawn ahead: the same for any number of workers, ended cleanly, errors carried over."""

import contextlib
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.errors import InputError
from lipstream.train.data.video_corpus import FaceClip
from lipstream.train.mixing.batches import Batch, BatchSource, draw_ahead, read_sources
from lipstream.train.mixing.degrade import DegradeConfig
from lipstream.train.mixing.video_mixtures import VideoConfig, VideoMixer
from lipstream.train.recipe import Recipe


@pytest.fixture
def source(make_recipe: Callable[..., Recipe], tmp_path: Path) -> BatchSource:
    """Half of its batches have faces, blurred ones among them."""
    training, _ = read_sources(make_recipe(), tmp_path / "cache")
    rng = np.random.default_rng(0)
    clips = tuple(
        FaceClip(
            speaker,
            rng.integers(0, 256, (30, 16, 16, 3), np.uint8),
            np.arange(30) / 25,
            np.ones(30, bool),
            rng.standard_normal(20000).astype(np.float32),
        )
        for speaker in "ab"
    )
    blurred = VideoConfig(share=0.5, degrade=DegradeConfig((1, 0, 0, 1, 1, 0, 0, 1, 0)))
    return BatchSource(training.mixer, VideoMixer(training.mixer, clips, blurred, 200), 0.5)


def assert_same(one: Batch, other: Batch) -> None:
    assert torch.equal(one.noisy, other.noisy)
    assert torch.equal(one.clean, other.clean)
    assert (one.video is None) is (other.video is None)
    if one.video is not None and other.video is not None:
        for part, same in zip(one.video, other.video, strict=True):
            torch.testing.assert_close(part, same, rtol=0, atol=0, equal_nan=True)


def test_workers_draw_the_same_in_the_same_order_and_are_gone_when_closed(source: BatchSource) -> None:
    alone = list(draw_ahead(source, 2, 7, range(4, 12)))
    assert {batch.video is None for batch in alone} == {True, False}
    for step, batch in zip(range(4, 12), alone, strict=True):
        assert_same(batch, source.draw(2, 7, step))

    state = torch.get_rng_state()
    with contextlib.closing(draw_ahead(source, 2, 7, range(4, 1000), workers=2)) as together:
        for one in alone:
            assert_same(one, next(together))
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()
    assert torch.equal(torch.get_rng_state(), state)  # it belongs to the weights


def test_processes_that_share_a_batch_draw_its_parts(source: BatchSource) -> None:
    whole = next(draw_ahead(source, 4, 1, range(1)))
    parts = [next(draw_ahead(source, 2, 1, range(1), first=first)) for first in (0, 2)]
    assert torch.equal(torch.cat([part.noisy for part in parts]), whole.noisy)


class Broken(BatchSource):
    """Fails at its third step."""

    def __init__(self, source: BatchSource, error: Exception) -> None:
        super().__init__(source.mixer, source.faces, source.share)
        self.error = error

    def draw(self, size: int, *seed: int, first: int = 0) -> Batch:
        if seed[-1] == 2:
            raise self.error
        return super().draw(size, *seed, first=first)


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_input_is_told_in_its_own_words(source: BatchSource, workers: int) -> None:
    batches = draw_ahead(Broken(source, InputError("a.wav is gone")), 1, 1, range(9), workers)
    next(batches)
    next(batches)
    with pytest.raises(InputError, match=r"^a.wav is gone$"):
        next(batches)


def test_other_failures_of_a_worker_come_with_their_traceback(source: BatchSource) -> None:
    with pytest.raises(ZeroDivisionError, match=r"(?s)in DataLoader worker.*test_loader.py"):
        list(draw_ahead(Broken(source, ZeroDivisionError("!")), 1, 1, range(9), workers=1))


def test_a_source_goes_to_its_workers_without_its_samples(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    training, _ = read_sources(make_recipe(), tmp_path / "cache")
    assert len(pickle.dumps(training)) < 20_000
