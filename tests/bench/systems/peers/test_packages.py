"""The real packages behind their adapters, each where it is installed."""

from collections.abc import Callable

import numpy as np
import pytest

from lipstream.bench.systems.peers.process import Peer
from lipstream.bench.systems.peers.system import PEERS, PeerEntry, find_lag, resampled, with_tail

#: What each adds between input and output at its own rate, as its authors say or its construction has it.
LAGS = {
    "rnnoise": 960,  # a window's overlap and a frame of look-ahead
    "deepfilternet3": 1_440,  # a window's overlap and two frames of look-ahead
    "dtln": 384,  # block less shift
    "webrtc": 96,  # a window's overlap
    "noisereduce": 0,
}


@pytest.fixture(params=PEERS, ids=lambda entry: entry.key)
def entry(request: pytest.FixtureRequest) -> PeerEntry:
    chosen: PeerEntry = request.param
    return chosen


@pytest.fixture
def peer(entry: PeerEntry) -> Peer:
    try:
        return entry.make()
    except ImportError as error:
        pytest.skip(f"{entry.install} ({error})")


@pytest.fixture
def noisy(speech_like: Callable[[float], np.ndarray], peer: Peer) -> np.ndarray:
    clean = speech_like(2.0)
    noise = 0.005 * np.random.default_rng(0).standard_normal(clean.size)
    wave = resampled((clean + noise).astype(np.float32), 16_000, peer.sample_rate)
    return with_tail(wave, peer.sample_rate)


def test_a_reset_makes_it_deterministic_and_nothing_is_lost(peer: Peer, noisy: np.ndarray) -> None:
    waves = []
    for _ in range(2):
        peer.reset()
        waves.append(peer.enhance(noisy))
    assert waves[0].shape == noisy.shape
    assert waves[0].dtype == np.float32
    np.testing.assert_array_equal(waves[0], waves[1])


def test_speech_comes_through_at_its_level_and_with_the_known_delay(
    entry: PeerEntry, peer: Peer, noisy: np.ndarray
) -> None:
    out = peer.enhance(noisy)
    assert abs(find_lag([(noisy, out)], peer.sample_rate) - LAGS[entry.key]) <= 1
    assert 0.3 < np.linalg.norm(out) / np.linalg.norm(noisy) < 1.2


def test_a_full_scale_wave_neither_wraps_around_nor_breaks_it(peer: Peer, noisy: np.ndarray) -> None:
    loud = noisy / np.abs(noisy).max()
    out = peer.enhance(loud.astype(np.float32))
    assert np.isfinite(out).all()
    assert np.abs(np.diff(out)).max() < 1.5 * max(np.abs(np.diff(loud)).max(), 0.3)
