"""Peers side by side: the same recordings, the same scores, one thread, a process each."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from math import nan

from ...data.builtin import Item
from ...evaluation.quality import DISTURBED, QualityReport, Summary, score_items
from ...metrics.intrusive import SAMPLE_RATE
from ...output import format_table
from .base import Float32, find_lag, in_place, resampled, with_tail
from .process import PeerError, PeerProcess
from .registry import PeerEntry

#: Recordings in which the delay of a peer is looked for.
PROBE_ITEMS = 6

Progress = Callable[[Iterable[Item], str], Iterable[Item]]


@dataclass(frozen=True)
class Measured:
    """One peer over all recordings.

    Attributes:
        name: its name.
        sample_rate: its own rate in Hz.
        lag_samples: how far its output lags its input at that rate, as found; taken out before scoring.
        latency_ms: the lag and the frame it waits for; NaN where it needs the whole recording.
        rtf: CPU time of all its threads over the duration of the sound, resampling to its rate not counted;
            on an idle core this is the real-time factor.
        peak_memory_mib: of a process that runs nothing else, the interpreter included; None where it
            cannot be told.
        memory_before_mib: of the same process before the peer was loaded.
        quality: its scores, under ``enhanced``.
    """

    name: str
    sample_rate: int
    lag_samples: int
    latency_ms: float
    rtf: float
    peak_memory_mib: float | None
    memory_before_mib: float | None
    quality: QualityReport

    @property
    def summary(self) -> Summary:
        """Mean scores of all recordings in which something disturbs the speech."""
        return self.quality.summary(conditions=DISTURBED)


@dataclass(frozen=True)
class LeftOut:
    """A peer that could not be measured, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PeersReport:
    """All peers that were measured, in order, and those that were not."""

    measured: tuple[Measured, ...]
    left_out: tuple[LeftOut, ...]

    def text(self) -> str:
        """One table, the unprocessed recordings first, and a line for each peer that is not in it."""
        headers = ["", "items", "PESQ-WB", "ESTOI", "SI-SDR\ndB", "clean\nPESQ-WB"]
        headers += ["RTF", "latency\nms", "memory\nMiB", "rate\nkHz"]
        rows = []
        if self.measured:
            first = self.measured[0]
            rows.append(["noisy", *_scores(first, "noisy"), *[""] * 4])
        rows += [[peer.name, *_scores(peer, "enhanced"), *_costs(peer)] for peer in self.measured]
        lines = [f"{peer.name}: {peer.reason}" for peer in self.left_out]
        return "\n".join([format_table(headers, rows), *([""] if lines else []), *lines])


def compare(
    recordings: Iterable[Item],
    entries: Sequence[PeerEntry],
    jobs: int = 1,
    progress: Progress = lambda items, name: items,
) -> PeersReport:
    """Measure peers, one after another.

    Args:
        recordings: gone through twice for each peer.
        entries: the peers; see `registry.choose`.
        jobs: processes that score, see `score_items`.
        progress: wraps the recordings of the peer with this name while they are enhanced.

    Returns:
        A report; a peer that is not installed or fails is left out of its table and named there.

    Raises:
        InputError: recordings that cannot be read.
    """
    measured, left_out = [], []
    for entry in entries:
        try:
            with closing(PeerProcess(entry.make)) as peer:
                measured.append(_measure(entry.name, peer, recordings, jobs, progress))
        except PeerError as error:
            missing = f"not installed: {entry.install} ({error.reason})"
            left_out.append(LeftOut(entry.name, missing if error.missing else f"failed: {error.reason}"))
    return PeersReport(tuple(measured), tuple(left_out))


def _measure(
    name: str, peer: PeerProcess, recordings: Iterable[Item], jobs: int, progress: Progress
) -> Measured:
    rate = peer.facts.sample_rate

    def at_its_rate(wave: Float32) -> Float32:
        return with_tail(resampled(wave, SAMPLE_RATE, rate), rate)

    probes = [at_its_rate(item.noisy) for item in islice(recordings, PROBE_ITEMS)]
    lag = find_lag(((wave, peer.enhance(wave).wave) for wave in probes), rate)
    cpu_s = sound_s = 0.0
    peak: float | None = None

    def enhance(noisy: Float32) -> Float32:
        nonlocal cpu_s, sound_s, peak
        given = at_its_rate(noisy)
        turn = peer.enhance(given)
        cpu_s, sound_s, peak = cpu_s + turn.cpu_s, sound_s + given.size / rate, turn.peak_memory_mib
        cleaned = in_place(turn.wave, lag, given.size)
        return in_place(resampled(cleaned, rate, SAMPLE_RATE), 0, noisy.size)

    quality = score_items(progress(recordings, name), enhance, jobs)
    frame = peer.facts.frame_samples
    latency_ms = nan if frame is None else 1000 * (lag + frame) / rate
    before = peer.facts.memory_before_mib
    return Measured(name, rate, lag, latency_ms, cpu_s / sound_s, peak, before, quality)


def _scores(peer: Measured, signal: str) -> list[str]:
    summary, clean = peer.summary, peer.quality.summary(conditions=["clean"])
    means = summary.means[signal]
    count = f"{summary.count}" + (f" of {summary.count + summary.unscored}" if summary.unscored else "")
    untouched = f"{clean.means[signal].pesq_wb:.2f}" if clean.count else "-"
    return [count, f"{means.pesq_wb:.3f}", f"{means.estoi:.3f}", f"{means.si_sdr_db:.2f}", untouched]


def _costs(peer: Measured) -> list[str]:
    latency = "whole file" if peer.latency_ms != peer.latency_ms else f"{peer.latency_ms:.1f}"
    memory = "-" if peer.peak_memory_mib is None else f"{peer.peak_memory_mib:.0f}"
    return [f"{peer.rtf:.3f}", latency, memory, f"{peer.sample_rate / 1000:g}"]
