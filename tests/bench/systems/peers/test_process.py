"""A peer's own process: what it gives back, and how it may fail without taking the bench along."""

import os
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from lipstream import InputError
from lipstream.bench.systems.peers.packages import Lipstream
from lipstream.bench.systems.peers.process import PeerError, PeerProcess
from lipstream.bench.systems.peers.system import PeerEntry, find_peer


def test_every_wave_is_a_stream_of_its_own(delaying: Callable[..., Path]) -> None:
    entry = find_peer(str(delaying()))
    wave = np.random.default_rng(0).standard_normal(1_000).astype(np.float32)
    with closing(PeerProcess(entry.make)) as peer:
        assert (peer.facts.sample_rate, peer.facts.frame_samples) == (16_000, 160)
        turns = [peer.enhance(wave) for _ in range(2)]
    for turn in turns:
        np.testing.assert_array_equal(turn.wave[160:], wave[:-160])
        assert not turn.wave[:160].any()
        assert turn.cpu_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="told by Linux alone")
def test_memory_is_that_of_the_process_alone(delaying: Callable[..., Path]) -> None:
    held = np.ones(100 * 2**20, np.uint8)
    entry = find_peer(str(delaying()))
    with closing(PeerProcess(entry.make)) as peer:
        before = peer.facts.memory_before_mib
        after = peer.enhance(np.zeros(160, np.float32)).peak_memory_mib
    assert before is not None
    assert after is not None
    assert 0 < before < after < before + held.nbytes / 2**20


def test_a_package_that_is_not_there_is_missing() -> None:
    with pytest.raises(PeerError, match="no_such_package") as error:
        PeerProcess(partial(import_module, "no_such_package"))
    assert error.value.missing


def test_what_a_peer_raises_is_told() -> None:
    with pytest.raises(PeerError, match=r"ValueError: .*'five'") as error:
        PeerProcess(partial(int, "five"))  # type: ignore[arg-type]
    assert not error.value.missing


def test_a_process_that_dies_is_told_with_its_exit_code() -> None:
    with pytest.raises(PeerError, match="died with exit code 3"):
        PeerProcess(partial(os._exit, 3))


def test_samples_that_are_not_finite_are_an_error_of_the_peer(delaying: Callable[..., Path]) -> None:
    entry = find_peer(str(delaying(gain=float("inf"))))
    with closing(PeerProcess(entry.make)) as peer, pytest.raises(PeerError, match="not all finite"):
        peer.enhance(np.zeros(160, np.float32))


def test_a_wrong_wish_is_the_users_to_mend() -> None:
    entry = PeerEntry("nonesuch", "Nonesuch", partial(Lipstream, "nonesuch"))
    with pytest.raises(InputError, match="nonesuch"):
        PeerProcess(entry.make)


def test_the_environment_is_left_as_it_was(
    delaying: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    entry = find_peer(str(delaying()))
    PeerProcess(entry.make).close()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "RAYON_NUM_THREADS" not in os.environ
