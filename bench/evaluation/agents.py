"""What noise filters do for voice agents, by the measures that Pipecat compares its filters with."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...core.processes import in_fresh_process
from ..data.recordings import Item, Recordings
from ..machine import Machine, fingerprint
from ..metrics import SAMPLE_RATE
from ..metrics.intrusive import stoi
from ..metrics.level import projected_gain_db
from ..metrics.voice_activity import SPEECH, Float64, area_under_roc, speech_probabilities
from ..output import format_table
from ..systems.peers.process import MakePeer, PeerError
from ..systems.peers.system import PeerEntry, PeerSystem, resampled

#: Agents hand over so much sound at once.
CHUNK_S = 0.02
#: Seconds of sound that are timed, and those before that are not.
TIMED_S, WARM_S = 20.0, 2.0

Track = Callable[[Iterable[Item], int], Iterable[Item]]


@dataclass(frozen=True)
class FilterScores:
    """What a filter does to the sound that an agent hears.

    Attributes:
        name: of the filter.
        vad_auc: how well Silero's detector tells speech from noise behind it, see `area_under_roc`; of all
            frames together. Speech is where the detector says so of the clean recording.
        stoi_change: mean STOI behind it less that of the noisy recordings.
        attenuation_db: by how much speech itself comes out softer, mean of `projected_gain_db`.
        cpu_p90_ms: time that all threads compute for 20 ms of sound, in 9 of 10 cases at most; None where
            the filter needs the whole recording.
        latency_ms: the delay found and the frame it waits for; None as before.
    """

    name: str
    vad_auc: float
    stoi_change: float
    attenuation_db: float
    cpu_p90_ms: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class AgentsReport:
    """The filters side by side.

    Attributes:
        machine: what it ran on.
        recordings: how many noisy ones were filtered.
        filters: the first one is none at all.
        missing: those that did not run, and why, one line each.
    """

    machine: Machine
    recordings: int
    filters: Sequence[FilterScores]
    missing: Sequence[str] = ()

    def text(self) -> str:
        """The machine, a table, and what is missing."""
        headers = ("filter", "VAD AUC", "STOI change", "attenuation dB", "CPU p90 ms / 20 ms", "latency ms")
        table = format_table(headers, [_cells(entry) for entry in self.filters])
        title = f"{self.recordings} noisy recordings"
        return "\n\n".join([self.machine.describe(), f"{title}\n{table}", *self.missing])


def measure_agents(recordings: Recordings, entries: Sequence[PeerEntry], track: Track) -> AgentsReport:
    """Filter noisy recordings by each filter, and look at what an agent then hears.

    Args:
        recordings: with speech in noise; another talker would count as speech.
        entries: the filters, see `find_peer`.
        track: shows how far it is.

    Raises:
        InputError: the voice activity detector is not installed, or a recording cannot be read.
    """
    tallies = {"no filter": _Tally()}
    systems, missing = [], []
    for entry in entries:
        try:
            systems.append((entry, PeerSystem(entry.name, entry, [recordings])))
        except PeerError as error:
            missing.append(f"{entry.name}: {error.reason}")
    heard: list[Float32] = []
    try:
        for item in track(recordings, len(recordings.ids)):
            is_speech = speech_probabilities(item.clean) >= SPEECH
            tallies["no filter"].add(item, item.noisy, is_speech)
            for _, system in systems:
                (output,) = system.outputs(item).values()
                tallies.setdefault(system.name, _Tally()).add(item, output.wave, is_speech)
            heard.append(item.noisy)
        costs = {system.name: system.cost() for _, system in systems}
    finally:
        for _, system in systems:
            system.close()
    filters = [tallies["no filter"].scores("no filter")]
    wave = np.resize(np.concatenate(heard), round((WARM_S + TIMED_S) * SAMPLE_RATE))
    for entry, system in systems:
        cost = costs[system.name]
        latency_ms = None if cost is None else cost.latency_ms
        busy_ms = None if latency_ms is None else in_fresh_process(busy_p90_ms, entry.make, wave)
        filters.append(tallies[system.name].scores(system.name, busy_ms, latency_ms))
    return AgentsReport(fingerprint(), len(heard), filters, missing)


def busy_p90_ms(make: MakePeer, wave: Float32) -> float:
    """Computing time of a filter for each 20 ms of sound, the 90th percentile; in a process of its own.

    Args:
        make: makes the filter.
        wave: float32 ``[samples]`` at 16 kHz; its first seconds are not timed.
    """
    peer = make()
    peer.reset()
    sound = resampled(wave, SAMPLE_RATE, peer.sample_rate)
    frame, chunk = peer.frame_samples or 1, round(CHUNK_S * peer.sample_rate)
    times_ms, given = [], 0
    for come in range(chunk, sound.size + 1, chunk):
        ready = (come - given) // frame * frame
        started_ns = time.process_time_ns()
        if ready:
            peer.enhance(sound[given : given + ready])
        times_ms.append(1e-6 * (time.process_time_ns() - started_ns))
        given += ready
    return float(np.percentile(times_ms[round(WARM_S / CHUNK_S) :], 90))


@dataclass
class _Tally:
    """What was found of one filter so far."""

    probabilities: list[Float64] = field(default_factory=list)
    is_speech: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    stoi_changes: list[float] = field(default_factory=list)
    gains_db: list[float] = field(default_factory=list)

    def add(self, item: Item, filtered: Float32, is_speech: npt.NDArray[np.bool_]) -> None:
        self.probabilities.append(speech_probabilities(filtered))
        self.is_speech.append(is_speech)
        self.stoi_changes.append(stoi(item.clean, filtered) - stoi(item.clean, item.noisy))
        self.gains_db.append(projected_gain_db(item.clean, filtered))

    def scores(
        self, name: str, cpu_p90_ms: float | None = None, latency_ms: float | None = None
    ) -> FilterScores:
        auc = area_under_roc(np.concatenate(self.probabilities), np.concatenate(self.is_speech))
        change, gain_db = float(np.nanmean(self.stoi_changes)), float(np.nanmean(self.gains_db))
        return FilterScores(name, auc, change, -gain_db, cpu_p90_ms, latency_ms)


def _cells(entry: FilterScores) -> list[str]:
    def number(value: float | None, digits: str) -> str:
        return "-" if value is None or math.isnan(value) else format(value, digits)

    return [
        entry.name,
        number(entry.vad_auc, ".3f"),
        number(entry.stoi_change, "+.3f"),
        number(entry.attenuation_db, ".1f"),
        number(entry.cpu_p90_ms, ".2f"),
        number(entry.latency_ms, ".0f"),
    ]
