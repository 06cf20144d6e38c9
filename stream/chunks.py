"""Enhance chunks as they come, as an iterator: ``for clean in lipstream.stream(chunks)``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Generic, TypeAlias, overload

from ..core.sample_kinds import Samples, float32_and_back
from ..errors import InputError
from .controls import NO_LIMIT_DB, Controls
from .defaults import AUTO, DEFAULT_MODEL
from .enhancer import Enhancer, checked_sample_rate
from .lips_input import Lips

#: A chunk, or a chunk and the lips that came meanwhile.
Chunk: TypeAlias = Samples | tuple[Samples, Lips | None]


@overload
def stream(
    chunks: Iterable[Chunk[Samples]],
    sample_rate: int = ...,
    model: str = ...,
    *,
    runtime: str = ...,
    atten_limit_db: float = ...,
    controls: Controls | None = ...,
) -> Iterator[Samples]: ...


@overload
def stream(
    chunks: AsyncIterable[Chunk[Samples]],
    sample_rate: int = ...,
    model: str = ...,
    *,
    runtime: str = ...,
    atten_limit_db: float = ...,
    controls: Controls | None = ...,
) -> AsyncIterator[Samples]: ...


def stream(
    chunks: Iterable[Chunk[Samples]] | AsyncIterable[Chunk[Samples]],
    sample_rate: int = 16_000,
    model: str = DEFAULT_MODEL,
    *,
    runtime: str = AUTO,
    atten_limit_db: float = NO_LIMIT_DB,
    controls: Controls | None = None,
) -> Iterator[Samples] | AsyncIterator[Samples]:
    """Enhance chunks of one channel as they come: a generator, asynchronous if the chunks are.

    What it gives, joined, is as long as what it took, and in step with it: the first chunks come out shorter
    by the latency, and a last one with the rest follows when there are no more. The asynchronous generator
    works in threads, so that nothing else in the event loop waits.

    Args:
        chunks: float or int16 arrays ``[n]``, any n from 0, of NumPy or torch; or pairs of a chunk and its
            lips, as `Enhancer.process` takes them.
        sample_rate: of the chunks in Hz, 6000 to 192000.
        model, runtime, atten_limit_db: as for `Enhancer`.
        controls: in place of the limit, `Controls` to be changed while it runs.

    Yields:
        Arrays ``[m]`` of the kind of the chunks, m from 1.

    Raises:
        InputError: at once: a whole array in place of chunks (see `enhance`), a value out of range. When it
            runs: an unknown model or runtime, a chunk or lips that `Enhancer.process` refuses.
    """
    settings = controls or Controls(atten_limit_db)
    make = partial(Enhancer, model, checked_sample_rate(sample_rate), runtime, controls=settings)
    if isinstance(chunks, AsyncIterable):
        return _asynchronous(chunks, make)
    if hasattr(chunks, "__array__") or not isinstance(chunks, Iterable):
        raise InputError(
            f"chunks must be something to iterate over that gives arrays, not {type(chunks).__name__}: "
            "for a whole array there is lipstream.enhance"
        )
    return _synchronous(chunks, make)


class _InStep(Generic[Samples]):
    """An enhancer whose delay is taken out."""

    def __init__(self, make: Callable[[], Enhancer]) -> None:
        self._enhancer = make()
        self._early = self._enhancer.latency_samples  # samples still to come that lie before the first chunk
        self._last: Samples | None = None

    def take(self, chunk: Chunk[Samples]) -> Samples:
        samples, lips = chunk if isinstance(chunk, tuple) and len(chunk) == 2 else (chunk, None)
        wave, back = float32_and_back(samples, "a chunk")
        self._last = samples
        late = self._enhancer.process(wave, lips)
        early = min(self._early, len(late))
        self._early -= early
        return back(late[early:])

    def end(self) -> Samples | None:
        """What is still to come; None where there was no chunk."""
        if self._last is None:
            return None
        _, back = float32_and_back(self._last, "a chunk")
        return back(self._enhancer.flush()[self._early :])


def _synchronous(chunks: Iterable[Chunk[Samples]], make: Callable[[], Enhancer]) -> Iterator[Samples]:
    line: _InStep[Samples] = _InStep(make)
    for chunk in chunks:
        if len(clean := line.take(chunk)):
            yield clean
    rest = line.end()
    if rest is not None and len(rest):
        yield rest


async def _asynchronous(
    chunks: AsyncIterable[Chunk[Samples]], make: Callable[[], Enhancer]
) -> AsyncIterator[Samples]:
    line: _InStep[Samples] = await asyncio.to_thread(_InStep, make)
    async for chunk in chunks:
        if len(clean := await asyncio.to_thread(line.take, chunk)):
            yield clean
    rest = await asyncio.to_thread(line.end)
    if rest is not None and len(rest):
        yield rest
