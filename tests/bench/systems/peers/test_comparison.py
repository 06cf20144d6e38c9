"""The table of peers: same recordings, delays taken out, and the missing named with the way to get them."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from lipstream import InputError
from lipstream.bench.data.builtin import Item
from lipstream.bench.evaluation.quality import score_items
from lipstream.bench.systems.peers.comparison import PeersReport, compare
from lipstream.bench.systems.peers.registry import PEERS, PeerEntry, choose


@pytest.fixture(scope="module")
def recordings(speech_like: Callable[[float], np.ndarray]) -> list[Item]:
    clean = speech_like(2.0)
    noise = 0.02 * np.random.default_rng(1).standard_normal(clean.size).astype(np.float32)
    return [
        Item("one", "noise", 5.0, clean + noise, clean),
        Item("two", "talker", 0.0, clean + 2 * noise, clean),
        Item("three", "clean", math.inf, clean, clean),
    ]


@pytest.fixture(scope="module")
def report(recordings: list[Item], delaying: Callable[..., Path]) -> PeersReport:
    missing = PeerEntry("ghost", "Ghost", partial(import_module, "ghost"), "pip install ghost")
    broken = PeerEntry("broken", "Broken", partial(int, "x"))  # type: ignore[arg-type]
    return compare(recordings, [*choose([], [], [delaying()]), missing, broken])


def test_a_peer_that_only_delays_scores_as_the_recordings_themselves(
    report: PeersReport, recordings: list[Item]
) -> None:
    (delay,) = report.measured
    untouched = score_items(recordings, lambda noisy: noisy).summary(conditions=["noise", "talker"])
    for signal in ("noisy", "enhanced"):
        # The package behind ESTOI adds a little noise of its own.
        expected = pytest.approx(dataclasses.asdict(untouched.means[signal]), abs=1e-4)
        assert dataclasses.asdict(delay.summary.means[signal]) == expected
    assert delay.summary.count == 2
    assert (delay.lag_samples, delay.sample_rate) == (160, 16_000)
    assert delay.latency_ms == 20
    assert delay.rtf > 0


def test_a_peer_at_another_rate_is_aligned_too(recordings: list[Item], delaying: Callable[..., Path]) -> None:
    (delay,) = compare(recordings, choose([], [], [delaying(sample_rate=48_000)])).measured
    means = delay.summary.means
    assert delay.lag_samples == 160
    # What the way to the other rate and back takes from the top of the band is noise here.
    assert means["enhanced"].si_sdr_db == pytest.approx(means["noisy"].si_sdr_db, abs=0.5)


def test_those_that_cannot_be_measured_are_named_with_the_reason(report: PeersReport) -> None:
    ghost, broken = report.left_out
    assert ghost.reason.startswith("not installed: pip install ghost (")
    assert broken.reason.startswith("failed: ValueError")
    lines = report.text().splitlines()
    assert lines[-2].startswith("Ghost: not installed: pip install ghost")


def test_the_table_has_a_row_for_the_noisy_recordings_and_each_peer(report: PeersReport) -> None:
    lines = report.text().splitlines()
    noisy, delay = lines[3:5]
    assert noisy.split()[:2] == ["noisy", "2"]
    assert delay.split()[:2] == ["delay", "2"]
    assert noisy.split()[2:6] == delay.split()[2:6]
    assert delay.split()[-3:][0] == "20.0"


def test_a_peer_that_needs_the_whole_file_has_no_latency_in_ms(report: PeersReport) -> None:
    whole = dataclasses.replace(report.measured[0], latency_ms=math.nan)
    assert "whole file" in PeersReport((whole,), ()).text()


def test_nothing_measured_is_a_table_without_rows() -> None:
    assert compare([], []).text().splitlines()[0].split() == ["SI-SDR", "clean", "latency", "memory", "rate"]


def test_peers_are_chosen_by_name_and_unknown_ones_told(delaying: Callable[..., Path]) -> None:
    names = [entry.name for entry in choose(["lite"], ["dtln", "rnnoise"], [delaying()])]
    assert names == ["lipstream lite", "RNNoise", "DTLN", "delay"]
    assert len(choose(["lite"])) == 1 + len(PEERS)
    with pytest.raises(InputError, match="no peer 'krisp': choose from rnnoise"):
        choose(["lite"], ["krisp"])
