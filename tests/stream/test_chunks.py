"""Chunks as they come, in a loop and in an event loop: the same samples as of the whole, of the same kind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lipstream
from lipstream import InputError
from lipstream.core.arrays import Float32
from lipstream.stream import runtimes
from lipstream.stream.controls import Controls
from lipstream.tests.stream.conftest import PassThrough
from lipstream.tests.stream.faces import face

pytestmark = pytest.mark.usefixtures("pass_through_model")


def noise(count: int) -> Float32:
    return np.random.default_rng(0).uniform(-0.5, 0.5, count).astype(np.float32)


def cut(wave: Float32, sizes: list[int]) -> Iterator[Float32]:
    yield from np.split(wave, np.cumsum(sizes)[:-1])


async def coming(chunks: Iterator[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


@settings(deadline=None, max_examples=30)
@given(sizes=st.lists(st.integers(0, 900), min_size=1, max_size=8), rate=st.sampled_from([16_000, 44_100]))
def test_joined_it_is_as_long_as_the_input_and_in_step(sizes: list[int], rate: int) -> None:
    wave = noise(sum(sizes))
    clean = list(lipstream.stream(cut(wave, sizes), rate))
    assert all(len(piece) for piece in clean)
    whole = lipstream.enhance(wave, rate) if len(wave) else wave
    np.testing.assert_array_equal(np.concatenate([*clean, wave[:0]]), whole)


def test_it_gives_what_it_can_before_the_next_chunk_comes() -> None:
    given: list[int] = []

    def microphone() -> Iterator[Float32]:
        for count in (600, 100, 500):
            given.append(count)
            yield noise(count)

    seen = [(len(given), len(clean)) for clean in lipstream.stream(microphone(), 16_000)]
    assert seen == [(1, 200), (2, 100), (3, 500), (3, 400)]


def test_in_an_event_loop_the_samples_are_the_same_and_the_model_runs_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set()

    class Watched(PassThrough):
        def process_hop(self, *hop: Any) -> Any:
            threads.add(threading.get_ident())
            return super().process_hop(*hop)

    monkeypatch.setattr(runtimes, "load_runtime", lambda model, runtime: Watched(lips="landmarks"))
    wave, sizes = noise(5_000), [1_000, 0, 3_999, 1]

    async def work() -> list[Float32]:
        return [clean async for clean in lipstream.stream(coming(cut(wave, sizes)), 16_000)]

    clean = np.concatenate(asyncio.run(asyncio.wait_for(work(), timeout=60)))
    assert threads
    assert threading.get_ident() not in threads
    np.testing.assert_array_equal(clean, lipstream.enhance(wave, 16_000))


def test_chunks_come_back_as_they_came() -> None:
    pcm = (32_767 * noise(2_000)).astype(np.int16)
    clean = list(lipstream.stream([pcm[:999], pcm[999:]], 16_000))
    assert {piece.dtype for piece in clean} == {np.dtype(np.int16)}
    np.testing.assert_array_equal(np.concatenate(clean), pcm)
    torch = pytest.importorskip("torch")
    tensors = list(lipstream.stream([torch.from_numpy(pcm)], 16_000))
    assert torch.equal(torch.cat(tensors), torch.from_numpy(pcm))


def test_lips_may_come_with_their_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = PassThrough(lips="landmarks")
    monkeypatch.setattr(runtimes, "load_runtime", lambda model, name: runtime)
    block = noise(640)
    chunks: list[Any] = [(block, face(5.0)), (block, None), (block, [(0.08, face(10.0))]), block]
    list(lipstream.stream(chunks))
    assert [mark for mark, _ in runtime.seen] == [10, 10, 10]


def test_controls_may_change_while_it_runs() -> None:
    controls, wave = Controls(), noise(4_000)
    clean = []
    for piece in lipstream.stream([wave[:2_000], wave[2_000:]], 16_000, controls=controls):
        clean.append(piece)
        controls.bypass = True
    np.testing.assert_array_equal(np.concatenate(clean)[2_400:], wave[2_400:])


@pytest.mark.parametrize(
    ("chunks", "rate", "fix"),
    [
        (np.zeros(900, np.float32), 16_000, "for a whole array there is lipstream.enhance"),
        (5, 16_000, "something to iterate over"),
        ([], 4_000, "sample_rate must be from 6000"),
    ],
)
def test_what_can_be_told_at_once_is(chunks: Any, rate: int, fix: str) -> None:
    with pytest.raises(InputError, match=fix):
        lipstream.stream(chunks, rate)


@pytest.mark.parametrize("chunk", [np.zeros((9, 2), np.float32), [0.0], (1, 2, 3), np.zeros(9, np.int32)])
def test_a_wrong_chunk_is_told_when_it_comes(chunk: Any) -> None:
    with pytest.raises(InputError, match="chunk must"):
        list(lipstream.stream([chunk], 16_000))


def test_no_chunks_give_nothing() -> None:
    assert list(lipstream.stream(iter(()), 16_000)) == []
