"""A small data set to try a training with: speech by espeak-ng, noise by formulas, no network, no licence.

espeak-ng is a program under the GPL; what it says is yours. Its voices are those of a formant synthesizer:
enough to see a training work, not to make a model that others would want.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..data.recordings import SAMPLE_RATE
from ..mixing.effects import rms
from ..mixing.synthesis import synthetic_noise
from ..plans import SamplePlan
from .texts import shipped
from .work import write_sound

SPEECH, NOISE = "speech", "noise"
#: Programs that speak, the first that is there.
PROGRAMS = ("espeak-ng", "espeak")
#: Voices of the synthesizer: throats, as speakers, and accents of English.
_THROATS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
#: Of pitch (0 to 99) and speed (words a minute).
_PITCH, _SPEED = (20, 80), (130, 200)
#: Length of a file of speech, at least, and of noise, and the level of noise (RMS).
_TAKE_S, _NOISE_S, _NOISE_RMS = 8.0, 12.0, 0.05
#: A synthesizer that says nothing to so many texts is broken.
_MOST_TEXTS = 20

Progress = Callable[[float, float], None]


def find_program() -> str:
    """The program that speaks.

    Raises:
        InputError: there is none, with the way to get it.
    """
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise InputError(
        "speech is made by espeak-ng, which is not here: install it (apt install espeak-ng, "
        "dnf install espeak-ng, brew install espeak-ng), or give recordings of your own to lipstream train"
    )


def make_sample(plan: SamplePlan, program: str, progress: Progress) -> tuple[Path, Path]:
    """Make the data set.

    Args:
        plan: what to make.
        program: see `find_program`.
        progress: called with the files that are done, and their number.

    Returns:
        The folders of speech, whose sub-folders are the speakers, and of noise.

    Raises:
        InputError: the folder has other contents or cannot be written, or the program does not speak.
    """
    if plan.folder.exists() and (not plan.folder.is_dir() or any(plan.folder.iterdir())):
        raise InputError(f"'{plan.folder}' is there and not empty: name another folder")
    speech, noise = plan.folder / SPEECH, plan.folder / NOISE
    total = plan.speakers * plan.takes + plan.noises
    for speaker in range(plan.speakers):
        rng = np.random.default_rng((plan.seed, 0, speaker))
        voice = _draw_voice(speaker, rng)
        for take in range(plan.takes):
            path = speech / f"speaker{speaker:02}" / f"{take:02}.flac"
            write_sound(_speak(program, voice, rng), path, "flac")
            progress(speaker * plan.takes + take + 1, total)
    for number in range(plan.noises):
        rng = np.random.default_rng((plan.seed, 1, number))
        sound = synthetic_noise(round(_NOISE_S * SAMPLE_RATE), rng)
        level = min(_NOISE_RMS / rms(sound), 0.98 / float(np.max(np.abs(sound)) + 1e-9))
        write_sound((sound * level).astype(np.float32), noise / f"{number:02}.flac", "flac")
        progress(plan.speakers * plan.takes + number + 1, total)
    return speech, noise


def _draw_voice(speaker: int, rng: np.random.Generator) -> list[str]:
    """Options of the program for one speaker; throats take turns."""
    accent = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    pitch, speed = (str(int(rng.integers(*span))) for span in (_PITCH, _SPEED))
    return ["-v", f"{accent}+{_THROATS[speaker % len(_THROATS)]}", "-p", pitch, "-s", speed]


def _speak(program: str, voice: list[str], rng: np.random.Generator) -> Float32:
    """Sentences of one speaker, float32 ``[N]`` at 16 kHz, of `_TAKE_S` at least."""
    import soundfile
    import soxr

    pieces: list[Float32] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        for _ in range(_MOST_TEXTS):
            text = shipped("en").draw(rng)
            done = subprocess.run([program, *voice, "-w", file, "--", text], capture_output=True, text=True)
            if done.returncode or not file.is_file():
                reason = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
                raise InputError(f"{program} does not speak ({reason}): install espeak-ng again")
            sound, rate = soundfile.read(file, dtype="float32")
            pieces.append(np.asarray(soxr.resample(sound, rate, SAMPLE_RATE), np.float32))
            if sum(map(len, pieces)) >= _TAKE_S * SAMPLE_RATE:
                break
    return np.clip(np.concatenate(pieces), -0.98, 0.98)
