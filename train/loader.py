"""Batches drawn ahead by worker processes: the same ones as without, for any number of workers."""

import signal
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import InputError
from .batches import Batch, BatchSource

Drawn = TypeVar("Drawn")


class _Batches(Dataset[Batch | InputError]):
    """The batch of each step. Bad input comes back as a value: the loader would wrap it in a traceback."""

    def __init__(self, source: BatchSource, size: int, seed: int, first: int) -> None:
        self.source, self.size, self.seed, self.first = source, size, seed, first

    def __getitem__(self, step: int) -> Batch | InputError:
        try:
            return self.source.draw(self.size, self.seed, step, first=self.first)
        except InputError as error:
            return error


def draw_ahead(
    source: BatchSource, size: int, seed: int, steps: Sequence[int], workers: int = 0, first: int = 0
) -> Generator[Batch, None, None]:
    """The batches of the steps, in their order; close the iterator to stop the workers early.

    Args:
        source: what is drawn from.
        size: mixtures of each batch.
        seed: of the run.
        steps: of the run, such as ``range(step, last)``.
        workers: processes that draw, two batches ahead each; 0 draws in this process, when asked.
        first: number of the first mixture, see `BatchSource.draw`.

    Raises:
        InputError: a recording went missing or bad meanwhile. What else goes wrong in a worker is raised here
            as it was there, with its traceback.
    """
    dataset = _Batches(source, size, seed, first)
    drawn = map(dataset.__getitem__, steps) if workers == 0 else _in_workers(dataset, steps, workers)
    for batch in drawn:
        if isinstance(batch, InputError):
            raise batch
        yield batch


def _in_workers(dataset: _Batches, steps: Sequence[int], workers: int) -> Iterator[Batch | InputError]:
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        collate_fn=_unchanged,
        worker_init_fn=_start,
        # A forked process would inherit torch's threads in whatever state they are in.
        multiprocessing_context="spawn",
        # Its own: the loader draws a seed, and the global generator belongs to the weights.
        generator=torch.Generator(),
    )
    yield from loader


def _unchanged(drawn: Drawn) -> Drawn:
    return drawn


def _start(worker: int) -> None:
    """Ctrl-C is for the process that trains; the loader has set torch to one thread, OpenCV needs telling."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
