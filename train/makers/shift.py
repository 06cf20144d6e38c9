"""Voices of recorded speech made into others: pitch and formants shifted apart, words and tempo kept.

Slower or faster (``tempo`` of a recipe) moves pitch and formants together. Here WORLD (Morise et al. 2016,
doi:10.1587/transinf.2015EDP7457, by pyworld-prebuilt) takes speech apart into pitch, spectral envelope and
aperiodicity, which are changed each for itself and put together again. That takes 0.12 s of a 2 GHz core a
second of speech (2026-11-30), several times what training spends on it: so a corpus is made ahead. It costs
quality, too: on six clips of LibriSpeech DNSMOS OVRL 3.28 as recorded, 3.13 put together again, 3.09 shifted.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...core.extras import needs_extra
from ...errors import InputError
from ..data.manifest import Item, Manifest, write_manifest
from ..data.recordings import SAMPLE_RATE, measure, read_audio
from .work import do_all, remove_partial_files, write_sound

#: The pitch is multiplied by up to 2 ** this either way; formants by up to 2 ** the other.
PITCH_OCTAVES, FORMANT_OCTAVES = 0.45, 0.22
#: A drawn voice is at least this far from its origin, in these units: half of the way at one of both.
_LEAST = 0.5
_LOUDEST = 0.98
MANIFEST = "shifted.jsonl"

Progress = Callable[[float, float], None]


def shift_voice(sound: Float32, pitch: float, formants: float) -> Float32:
    """Speech with another pitch and other formants.

    Args:
        sound: float32 ``[N]`` at 16 kHz.
        pitch: factor of the fundamental frequency.
        formants: factor of the frequencies of the spectral envelope: above 1 is a shorter throat.

    Returns:
        Float32 ``[N]`` at 16 kHz, not beyond [-1, 1].
    """
    import pyworld

    samples = np.ascontiguousarray(sound, np.float64)
    rough, times = pyworld.dio(samples, SAMPLE_RATE)
    hertz = pyworld.stonemask(samples, rough, times, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(samples, hertz, times, SAMPLE_RATE)
    aperiodicity = pyworld.d4c(samples, hertz, times, SAMPLE_RATE)
    envelope = np.exp(_stretched(np.log(envelope), formants))
    made = pyworld.synthesize(hertz * pitch, envelope, _stretched(aperiodicity, formants), SAMPLE_RATE)
    made = np.pad(made, (0, max(len(sound) - len(made), 0)))[: len(sound)]
    peak = float(np.max(np.abs(made), initial=0.0))
    return np.asarray(made * min(1.0, _LOUDEST / max(peak, _LOUDEST)), np.float32)


def _stretched(frames: np.ndarray, factor: float) -> np.ndarray:
    """Frames ``[T, bins]`` whose bin k is what was at ``k / factor``; the last bin goes on above."""
    bins = frames.shape[1]
    place = np.minimum(np.arange(bins) / factor, bins - 1.0)
    low = np.minimum(place.astype(int), bins - 2)
    share = place - low
    return np.ascontiguousarray(frames[:, low] * (1.0 - share) + frames[:, low + 1] * share)


def draw_shift(speaker: str, variant: int, seed: int) -> tuple[float, float]:
    """Factors of pitch and formants for a speaker: the same for all that the speaker says."""
    digest = hashlib.sha256(f"{seed}:{variant}:{speaker}".encode()).digest()
    rng = np.random.default_rng(list(digest))
    while True:
        pitch, formants = rng.uniform(-1.0, 1.0, 2)
        if max(abs(pitch), abs(formants)) >= _LEAST:
            return float(2.0 ** (PITCH_OCTAVES * pitch)), float(2.0 ** (FORMANT_OCTAVES * formants))


@dataclass(frozen=True)
class Job:
    """One recording to shift: where it is, what is made of it, and by how much."""

    recording: Path
    origin: Item
    made: Item
    pitch: float
    formants: float


def jobs_of(manifest: Manifest, variants: int, seed: int) -> Iterator[Job]:
    """What a manifest's speech for training becomes; validation hears recorded voices alone.

    A variant of a speaker is another speaker, of a source of its own: ``grid/s1`` in ``grid`` becomes
    ``grid/s1~1`` in ``grid-shifted``. The licence is that of the recording.
    """
    for variant in range(1, variants + 1):
        for item in manifest.items:
            if item.kind != "speech" or item.split != "train":
                continue
            pitch, formants = draw_shift(item.speaker, variant, seed)
            stem = Path(item.file).with_suffix("").as_posix().replace("../", "")
            made = replace(
                item,
                file=f"{variant}/{stem.lstrip('/')}-{round(1000 * item.start_s):08}.flac",
                source=f"{item.source}-shifted",
                speaker=f"{item.speaker}~{variant}",
                start_s=0.0,
                end_s=None,
                sample_rate=SAMPLE_RATE,
                noisy="",
            )
            yield Job(manifest.path(item), item, made, pitch, formants)


def shift(
    manifest: Manifest, folder: Path, variants: int, seed: int, processes: int, progress: Progress
) -> Path:
    """Shift the speech of a manifest into a folder; files that are there are not made again.

    Args:
        manifest: of recorded speech.
        folder: of the new corpus.
        variants: how many other voices each speaker becomes.
        seed: of their pitch and formants.
        processes: that work at once.
        progress: called with the hours done and in all.

    Returns:
        The path of the new manifest, ``shifted.jsonl`` in the folder.

    Raises:
        InputError: there is no speech for training, a recording cannot be read, or pyworld is not there.
    """
    try:
        import pyworld  # noqa: F401
    except ImportError as error:
        raise needs_extra("shifting voices", "voices", error) from error
    work = list(jobs_of(manifest, variants, seed))
    if not work:
        raise InputError(f"{manifest.corpus} lists no speech for training")
    remove_partial_files(folder)
    missing = [job for job in work if not (folder / job.made.file).is_file()]
    total = sum(map(_hours, work))
    done = total - sum(map(_hours, missing))
    for hours in do_all(missing, partial(_open_worker, folder), processes):
        done += hours
        progress(done, total)
    rows = []
    for job in work:
        seconds = measure(folder / job.made.file).seconds
        rows.append(replace(job.made, end_s=round(seconds, 3)))
    write_manifest(Manifest(f"{manifest.corpus}-shifted", folder, tuple(rows)), folder / MANIFEST)
    return folder / MANIFEST


def _hours(job: Job) -> float:
    return ((job.origin.end_s or job.origin.start_s) - job.origin.start_s) / 3600.0


def _open_worker(folder: Path) -> Callable[[Job], float]:
    def do(job: Job) -> float:
        sound = read_audio(job.recording)
        start = round(job.origin.start_s * SAMPLE_RATE)
        end = len(sound) if job.origin.end_s is None else round(job.origin.end_s * SAMPLE_RATE)
        write_sound(shift_voice(sound[start:end], job.pitch, job.formants), folder / job.made.file, "flac")
        return _hours(job)

    return do
