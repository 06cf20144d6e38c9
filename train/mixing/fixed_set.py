"""Test sets of one's own: mixtures that stay the same, as files, with a list for ``lipstream evaluate``."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...core.storage import written_whole
from ...errors import InputError
from ..data.corpus import Corpus
from ..makers.work import write_sound
from ..plans import SetPlan
from .mixtures import MixConfig, Mixer, NoiseKinds

#: What the noise of a condition is made of.
_NOISES = {
    "noise": NoiseKinds(1.0, 0.0, 0.0, 0.0, 0.0),
    "babble": NoiseKinds(0.0, 1.0, 0.0, 0.0, 0.0),
    "talker": NoiseKinds(0.0, 0.0, 1.0, 0.0, 0.0),
    "synthetic": NoiseKinds(0.0, 0.0, 0.0, 1.0, 0.0),
    "clean": NoiseKinds(0.0, 0.0, 0.0, 0.0, 1.0),
}
LIST = "list.csv"
_COLUMNS = ("id", "noisy", "clean", "snr", "condition")

Progress = Callable[[float, float], None]


def make_set(plan: SetPlan, corpus: Corpus, progress: Progress) -> Path:
    """Mix a test set: ``clean/ID.flac``, ``noisy/ID.flac`` at 16 kHz and the list.

    Args:
        plan: of the set.
        corpus: the same corpus and plan give the same files.
        progress: called with the mixtures that are done, and their number.

    Returns:
        The path of the list, for ``lipstream evaluate --manifest``.

    Raises:
        InputError: no speech or noise, no second speaker for babble and talkers, no rooms, or a folder that
            has other contents or cannot be written.
    """
    if plan.folder.exists() and (not plan.folder.is_dir() or any(plan.folder.iterdir())):
        raise InputError(f"'{plan.folder}' is there and not empty: name another folder")
    if plan.rooms > 0 and not corpus.rooms:
        raise InputError("there are no rooms to be heard in: name a folder of impulse responses with --rir")
    speakers = {clip.group for clip in corpus.speech}
    if len(speakers) < 2 and {"babble", "talker"} & set(plan.kinds):
        raise InputError("babble and talkers need a second speaker: give more speech, or --kind noise")
    conditions = list(plan.conditions())
    rows = []
    for number, (kind, snr_db) in enumerate(conditions):
        mixer = Mixer(corpus, _mix_of(plan, kind, snr_db or 0.0))
        for index in range(plan.each):
            name = f"{kind}{'' if snr_db is None else f'_{snr_db:g}dB'}_{index:02}"
            noisy, clean = mixer.draw(np.random.default_rng((plan.seed, number, index)))
            for side, sound in (("noisy", noisy), ("clean", clean)):
                write_sound(np.clip(sound, -1.0, 1.0), plan.folder / side / f"{name}.flac", "flac")
            shown = "" if snr_db is None else f"{snr_db:g}"
            rows.append((name, f"noisy/{name}.flac", f"clean/{name}.flac", shown, kind))
            progress(len(rows), len(conditions) * plan.each)
    path = plan.folder / LIST
    try:
        with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows([_COLUMNS, *rows])
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error
    return path


def _mix_of(plan: SetPlan, kind: str, snr_db: float) -> MixConfig:
    """How a condition is drawn: as recorded, for what bends speech or noise belongs to training."""
    return MixConfig(
        noise_kinds=_NOISES[kind],
        snr_db=(snr_db, snr_db),
        seconds=plan.seconds,
        rir_probability=plan.rooms,
        second_noise_probability=0.0,
        reshape_probability=0.0,
        tilt_db_per_octave=0.0,
        overload_probability=0.0,
        level_dbfs=(-30.0, -20.0),
    )
