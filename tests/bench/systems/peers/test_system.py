"""Peers as systems: delays taken out, costs watched, the missing named with the way to get them."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from lipstream import InputError
from lipstream.bench.data.recordings import Item
from lipstream.bench.evaluation.config import EvaluateConfig
from lipstream.bench.evaluation.results import Results
from lipstream.bench.evaluation.run import evaluate_systems
from lipstream.bench.report.text import systems_table
from lipstream.bench.speed.cost import Cost
from lipstream.bench.systems.peers.process import PeerError
from lipstream.bench.systems.peers.system import PEERS, PeerEntry, PeerSystem, find_peer, find_peers
from tests.model_folders import lite_folder

CONFIG = EvaluateConfig(("pesq", "stoi", "si-sdr"))


class Memory:
    """Recordings in memory."""

    name = "audio"
    videos: list[tuple[str, Path]] = []  # noqa: RUF012
    notes: list[str] = []  # noqa: RUF012

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.ids = [item.id for item in items]

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)


@pytest.fixture(scope="module")
def recordings(speech_like: Callable[[float], np.ndarray]) -> Memory:
    clean = speech_like(2.0)
    noise = 0.02 * np.random.default_rng(1).standard_normal(clean.size).astype(np.float32)
    return Memory(
        [
            Item("one", "noise", 5.0, clean + noise, clean),
            Item("two", "talker", 0.0, clean + 2 * noise, clean),
            Item("three", "clean", math.inf, clean, clean),
        ]
    )


def evaluate(recordings: Memory, *entries: PeerEntry) -> Results:
    systems = [PeerSystem(entry.name, entry, [recordings]) for entry in entries]
    return evaluate_systems([recordings], systems, {}, CONFIG)


@pytest.fixture(scope="module")
def results(recordings: Memory, delaying: Callable[..., Path]) -> Results:
    return evaluate(recordings, find_peer(str(delaying())))


def test_a_peer_that_only_delays_scores_as_the_recordings_themselves(results: Results) -> None:
    assert [item.id for item in results.items] == ["one", "two", "three"]
    for item in results.items:
        # The package behind ESTOI adds a little noise of its own.
        assert item.scores["delay"] == pytest.approx(item.scores["noisy"], abs=1e-3)


def test_its_cost_is_watched_while_it_runs(results: Results) -> None:
    (cost,) = results.costs
    assert (cost.name, cost.sample_rate, cost.latency_ms) == ("delay", 16_000, 20)
    assert cost.rtf is not None
    assert cost.rtf > 0


def test_a_peer_at_another_rate_is_aligned_too(recordings: Memory, delaying: Callable[..., Path]) -> None:
    found = evaluate(recordings, find_peer(str(delaying(sample_rate=48_000))))
    for item in found.items[:2]:
        # What the way to the other rate and back takes from the top of the band is noise here.
        assert item.scores["delay"]["si_sdr_db"] == pytest.approx(item.scores["noisy"]["si_sdr_db"], abs=0.5)
    assert found.costs[0].latency_ms == pytest.approx(1000 * 320 / 48_000)


def test_a_peer_that_cannot_be_made_is_told_with_the_way_to_get_it(recordings: Memory) -> None:
    missing = PeerEntry("ghost", "Ghost", partial(import_module, "ghost"), "pip install ghost")
    with pytest.raises(PeerError, match="not installed: pip install ghost"):
        PeerSystem("Ghost", missing, [recordings])
    broken = PeerEntry("broken", "Broken", partial(int, "x"))  # type: ignore[arg-type]
    with pytest.raises(PeerError, match=r"failed \(ValueError"):
        PeerSystem("Broken", broken, [recordings])


def test_a_peer_that_breaks_down_is_left_out_and_told_and_the_others_go_on(
    recordings: Memory, delaying: Callable[..., Path]
) -> None:
    good = PeerEntry("good", "good", find_peer(str(delaying())).make)
    found = evaluate(recordings, find_peer(str(delaying(gain=math.inf))), good)
    assert found.signals == ["noisy", "good"]
    assert [cost.name for cost in found.costs] == ["good"]
    (note,) = found.notes
    assert note.startswith("delay: failed: it made")


def test_the_table_has_a_row_for_the_noisy_recordings_and_each_peer(results: Results) -> None:
    noisy, delay = systems_table(results).splitlines()[3:5]
    assert noisy.split()[:2] == ["noisy", "2"]
    assert delay.split()[:2] == ["delay", "2"]
    assert noisy.split()[2:6] == delay.split()[2:6]
    assert delay.split()[-3] == "20.0"


def test_a_peer_that_needs_the_whole_file_has_no_latency_in_ms(results: Results) -> None:
    whole = Results({}, {}, results.items, costs=[Cost("delay", latency_ms=None, rtf=0.1)])
    assert "whole file" in systems_table(whole)


def test_peers_are_chosen_by_name_and_unknown_ones_told(delaying: Callable[..., Path]) -> None:
    keys = ["lite", "dtln", "rnnoise", str(delaying())]
    assert [find_peer(key).name for key in keys] == ["lipstream lite", "DTLN", "RNNoise", "delay"]
    assert all(find_peer(entry.key) is entry for entry in PEERS)
    assert [entry.key for entry in find_peers(["lite"], None)] == ["lite", *(entry.key for entry in PEERS)]
    assert [entry.key for entry in find_peers(["lite"], ["dtln"])] == ["lite", "dtln"]
    with pytest.raises(InputError, match="no peer 'krisp': choose from rnnoise"):
        find_peer("krisp")


def test_a_model_folder_is_a_peer_as_a_preset_is(tmp_path: Path) -> None:
    folder = lite_folder(tmp_path / "mine")
    assert find_peer(str(folder)).name == f"lipstream {folder}"
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match="is no model folder, it has no config"):
        find_peer(str(folder))


def test_a_recording_without_anything_noisy_is_refused(
    delaying: Callable[..., Path], recordings: Memory
) -> None:
    entry = find_peer(str(delaying()))
    system = PeerSystem("delay", entry, [recordings])
    with pytest.raises(InputError, match="--noisy"):
        system.outputs(Item("n1", "files", 0.0, np.zeros(0, np.float32), np.zeros(9, np.float32)))
    system.close()
