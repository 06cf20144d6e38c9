"""Speech that an enhancer should leave as it is, made of clean recordings: quiet, in hiss, whispered."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from ...errors import InputError
from ..metrics import SAMPLE_RATE
from ..metrics.level import active_level_db
from .builtin import Entry, RecordingSet, read_entry
from .recordings import Float32, Item

#: Active levels of quiet speech, and of a microphone's own hiss, over full scale.
QUIET_DB, QUIETER_DB, HISS_DB = -40.0, -50.0, -65.0

#: What is made of clean speech, in the order of reports; whispered speech is a stand-in, see `whisper`.
CONDITIONS = (
    "clean",
    f"{QUIET_DB:g} dBFS",
    f"{QUIETER_DB:g} dBFS",
    "whispered",
    f"whispered, {QUIET_DB:g} dBFS",
    f"{QUIET_DB:g} dBFS in hiss of {HISS_DB:g} dBFS",
)

#: The condition of the test set in which the level of speech is measured as well.
NOISE = "noise"

#: Whispers: frames of 32 ms, three quarters of each shared with the next one.
WINDOW, HOP = 512, 128

#: Two poles for each kHz and two for the source: J. D. Markel and A. H. Gray, "Linear Prediction of Speech",
#: 1976.
ORDER = 18

#: Added to the power of each frame, as a share of the loudest one's: what lies below it has no envelope.
FLOOR = 1e-9


class FidelitySet:
    """Speech that should stay as it is, and speech in noise, of which the level should stay.

    The first clean recording of each speaker of the test set audio in all `CONDITIONS`, and all recordings of
    these speakers in noise.

    Args:
        data: the data folder; see `default_data_folder` for None.
        speakers: how many to take, the first ones; None for all.

    Raises:
        InputError: the test set is not there or its list cannot be read.
    """

    name = "fidelity"
    videos: tuple[tuple[str, Path], ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, data: Path | None = None, speakers: int | None = None) -> None:
        met: set[str] = set()
        self._plan: list[tuple[Entry, tuple[str, ...]]] = []
        for entry in RecordingSet("audio", data).entries:
            speaker = entry.speaker or entry.id
            conditions: tuple[str, ...] = () if speaker in met else CONDITIONS
            if conditions and len(met) == speakers:
                continue
            met.add(speaker)
            if entry.condition == NOISE:
                conditions += (NOISE,)
            if conditions:
                self._plan.append((entry, conditions))

    @property
    def ids(self) -> list[str]:
        """The recording and what was made of it."""
        return [f"{entry.id}, {condition}" for entry, conditions in self._plan for condition in conditions]

    def __iter__(self) -> Iterator[Item]:
        for entry, conditions in self._plan:
            item = read_entry(entry)
            if CONDITIONS[0] in conditions:
                yield from speech_items(item)
            if NOISE in conditions:
                yield replace(item, id=f"{item.id}, {NOISE}")


def speech_items(item: Item) -> Iterator[Item]:
    """The clean speech of a recording in all `CONDITIONS`, each beside what should come out.

    Raises:
        InputError: there is no speech in it; names the recording.
    """
    try:
        quiet, whispered = at_level(item.clean, QUIET_DB), whisper(item.clean)
        speech = [
            item.clean,
            quiet,
            at_level(item.clean, QUIETER_DB),
            whispered,
            at_level(whispered, QUIET_DB),
            quiet,
        ]
    except InputError as error:
        raise InputError(f"'{item.id}': {error}") from error
    hiss = np.random.default_rng(0).standard_normal(item.clean.size).astype(np.float32)
    given = [*speech[:-1], quiet + np.float32(10 ** (HISS_DB / 20)) * hiss]
    for condition, noisy, clean in zip(CONDITIONS, given, speech, strict=True):
        yield Item(f"{item.id}, {condition}", condition, math.inf, noisy, clean, speaker=item.speaker)


def at_level(speech: Float32, level_db: float) -> Float32:
    """The same speech at another active level over full scale.

    Args:
        speech: float32 ``[samples]`` at 16 kHz.
        level_db: ITU-T P.56, see `active_level_db`.

    Raises:
        InputError: there is no speech in it.
    """
    gain_db = level_db - active_level_db(speech)
    if math.isnan(gain_db):
        raise InputError("a clean recording holds no speech: take it out of the list")
    return np.float32(10 ** (gain_db / 20)) * speech


def whisper(speech: Float32, seed: int = 0) -> Float32:
    """The same words without voice: the envelope of each frame as it was, noise in the place of the source.

    Linear prediction analysis and synthesis with noise alone as excitation: B. S. Atal and S. L. Hanauer,
    "Speech analysis and synthesis by linear prediction of the speech wave", JASA 50, 1971. A stand-in for
    whispers, not the thing: real ones are softer, with less below 1 kHz, and their formants lie higher (R. W.
    Morris and M. A. Clements, "Estimation of speech spectra from whispers", ICASSP 2002).

    Args:
        speech: float32 ``[samples]`` at 16 kHz.
        seed: of the noise; the same seed gives the same whisper.

    Returns:
        float32 ``[samples]``, each frame about as loud as it was.

    Raises:
        InputError: less than a frame.
    """
    if speech.size < WINDOW:
        raise InputError(f"{speech.size} samples are too short to be whispered: give {WINDOW} or more")
    frames = ShortTimeFFT(hann(WINDOW, sym=False), HOP, SAMPLE_RATE)
    power = np.abs(frames.stft(speech.astype(np.float64))) ** 2
    lags = np.fft.irfft(power, axis=0)[: ORDER + 1]
    lags[0] += FLOOR * lags[0].max() + np.finfo(np.float64).tiny
    predictor = np.stack([solve_toeplitz(lag[:-1], lag[1:]) for lag in lags.T], axis=1)
    residual = lags[0] - np.sum(predictor * lags[1:], axis=0)
    inverse = np.fft.rfft(np.vstack([np.ones_like(residual), -predictor]), WINDOW, axis=0)
    envelope = np.sqrt(residual) / np.abs(inverse)
    noise = np.random.default_rng(seed).standard_normal(speech.size)
    flat = frames.stft(noise) / np.linalg.norm(frames.win)
    return np.asarray(frames.istft(flat * envelope, k1=speech.size), np.float32)
