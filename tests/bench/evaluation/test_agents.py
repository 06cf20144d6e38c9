"""Filters side by side: none at all, one that halves the sound, one that is not installed."""

from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from lipstream.bench.data.recordings import Item
from lipstream.bench.evaluation import agents
from lipstream.bench.evaluation.agents import busy_p90_ms, measure_agents
from lipstream.bench.systems.peers.system import PeerEntry
from lipstream.core.arrays import Float32


class Half:
    """Halves the sound and gives it 10 ms late, in frames of 10 ms."""

    sample_rate, frame_samples = 16_000, 160

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last = np.zeros(160, np.float32)
        self.given: list[int] = []

    def enhance(self, wave: Float32) -> Float32:
        self.given.append(wave.size)
        late = np.concatenate([self._last, wave])
        self._last = late[-160:]
        return np.asarray(0.5 * late[:-160], np.float32)


class Recordings:
    """Two recordings of speech whose noise is its own copy, softer: any filter leaves STOI as it is."""

    name, notes, videos, ids = "two", (), (), ["a", "b"]

    def __init__(self, clean: Float32) -> None:
        self._clean = clean

    def __iter__(self) -> Iterator[Item]:
        random = np.random.default_rng(0)
        for name in self.ids:
            noise = 0.01 * random.standard_normal(self._clean.size).astype(np.float32)
            yield Item(name, "noise", 10.0, self._clean + noise, self._clean)


def untracked(items: Iterable[Item], total: int) -> Iterable[Item]:
    assert total == 2
    return items


def loud(wave: Float32) -> Any:
    """In place of the detector: the level of each frame, of a hundredth of full scale half."""
    frames = wave[: wave.size // 512 * 512].reshape(-1, 512)
    return 50 * np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))


@pytest.mark.slow
def test_filters_are_measured_side_by_side(monkeypatch: pytest.MonkeyPatch, speech_like: Any) -> None:
    monkeypatch.setattr(agents, "speech_probabilities", loud)
    monkeypatch.setattr(agents, "TIMED_S", 0.5)
    entries = [
        PeerEntry("half", "Half", Half),
        PeerEntry("ghost", "Ghost", partial(import_module, "ghost"), "pip install ghost"),
    ]
    report = measure_agents(Recordings(speech_like(2.0)), entries, untracked)
    none, half = report.filters
    assert (none.name, none.stoi_change, none.cpu_p90_ms) == ("no filter", 0.0, None)
    assert none.attenuation_db == pytest.approx(0.0, abs=0.1)
    assert half.attenuation_db == pytest.approx(6.02, abs=0.1)
    assert half.stoi_change == pytest.approx(0.0, abs=1e-3)
    assert half.vad_auc == pytest.approx(none.vad_auc)
    assert 0.5 < none.vad_auc <= 1.0
    assert half.latency_ms == pytest.approx(20.0)  # 10 ms late, and a frame that must be there
    assert half.cpu_p90_ms is not None
    (missing,) = report.missing
    assert missing.startswith("Ghost: not installed: pip install ghost")
    text = report.text()
    assert "2 noisy recordings" in text
    assert all(word in text for word in ("VAD AUC", "no filter", "Half", "+0.000", "6.0", missing))


def test_a_filter_is_timed_in_pieces_of_20_ms_that_are_whole_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Half()
    odd.frame_samples = 128  # a frame of 8 ms: 2 or 3 of them in 20 ms
    assert busy_p90_ms(lambda: odd, np.zeros(16_000 * 3, np.float32)) >= 0
    assert sum(odd.given) == 3 * 16_000 // 128 * 128
    assert set(odd.given) == {256, 384}
