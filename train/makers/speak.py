"""Makes a corpus of synthetic voices: a plan of takes, spoken by several processes, that can be gone on with.

A take is one file: one voice, some sentences, pauses between them. Take *n* is the voice *n* modulo their
number, so that at any time each has been heard as often as any other, or once less. What is in it depends on
the seed, the voice and the round alone: a run that was killed goes on, and more hours are the same takes and
further ones.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Protocol

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..data.manifest import Item, Manifest, write_manifest
from ..data.recordings import SAMPLE_RATE, measure
from .texts import Texts
from .voices import Voice
from .work import do_all, remove_partial_files, write_sound

SOURCE = "kokoro"
LICENCE = "Apache-2.0"
MANIFEST = "voices.jsonl"
_PLAN = "plan.json"
#: A take is at least this long, and has pauses of so many seconds between its sentences.
TAKE_S = 20.0
_PAUSE_S = (0.15, 0.6)
#: Samples below this share of the peak (-46 dB), before the first and after the last louder one, are trimmed
#: but for a margin.
_QUIET, _MARGIN_S = 0.005, 0.05
_LOUDEST = 0.98
#: A take that a synthesizer says nothing to ends after this many sentences.
_MOST_TEXTS = 60
#: The manifest is written again after so many seconds, at least.
_MANIFEST_EVERY_S = 120.0

Progress = Callable[[float, float], None]


class Speaker(Protocol):
    """A synthesizer."""

    rate: int

    def speak(self, text: str, language: str, styles: tuple[tuple[str, float], ...], speed: float) -> Float32:
        """Float32 ``[N]`` at `rate` Hz."""


@dataclass(frozen=True)
class Plan:
    """A corpus.

    Attributes:
        folder: where it goes.
        voices: in the order in which they take turns.
        hours: of speech, at least.
        seed: of all texts and pauses.
        form: of the files, a key of `work.FORMATS`.
    """

    folder: Path
    voices: tuple[Voice, ...]
    hours: float
    seed: int
    form: str = "flac"

    def takes(self) -> Iterator["Take"]:
        """All of them, in the order in which they are made."""
        for number in range(int(np.ceil(self.hours * 3600.0 / TAKE_S))):
            cycle, index = divmod(number, len(self.voices))
            voice = self.voices[index]
            name = f"{voice.name}/{voice.name}-{cycle:03}.{self.form}"
            yield Take(name, voice, (self.seed, 1 + cycle, *voice.name.encode()))

    def begin(self) -> None:
        """Make the folder, or see that what is there is of the same plan; remove what a killed run left.

        Raises:
            InputError: the folder holds a corpus of another plan, or cannot be written.
        """
        fields = {"seed": self.seed, "form": self.form, "voices": self.voices}
        mine = json.loads(json.dumps(fields, default=asdict))
        path = self.folder / _PLAN
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                there = json.loads(path.read_text(encoding="utf-8"))
                other = [key for key in mine if there.get(key) != mine[key]]
                if other:
                    raise InputError(
                        f"{self.folder} was begun with other {', '.join(other)}: name another folder"
                    )
            unfinished = path.with_suffix(".part")
            unfinished.write_text(json.dumps(mine, indent=1), encoding="utf-8")
            unfinished.replace(path)
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"{self.folder} cannot be used for a corpus: {error}") from error
        remove_partial_files(self.folder)


@dataclass(frozen=True)
class Take:
    """One file: relative to the folder, whose, and the seed of its texts and pauses."""

    name: str
    voice: Voice
    seed: tuple[int, ...]


def speak_take(take: Take, speaker: Speaker, texts: Mapping[str, Texts]) -> Float32:
    """The sentences of a take: float32 ``[N]`` at 16 kHz, not beyond [-1, 1], of at least `TAKE_S`."""
    import soxr

    rng = np.random.default_rng(take.seed)
    source = texts[take.voice.language[:2]]
    pieces: list[Float32] = []
    length = 0
    for _ in range(_MOST_TEXTS):
        text = " ".join(source.draw(rng) for _ in range(int(rng.integers(1, 4))))
        pause = np.zeros(int(rng.uniform(*_PAUSE_S) * SAMPLE_RATE), np.float32)
        sound = speaker.speak(text, take.voice.language, take.voice.styles, take.voice.speed)
        sound = _trim(np.asarray(soxr.resample(sound, speaker.rate, SAMPLE_RATE), np.float32))
        pieces += [sound, pause] if len(sound) else []
        length += len(sound) + len(pause) if len(sound) else 0
        if length >= TAKE_S * SAMPLE_RATE:
            break
    spoken = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    peak = float(np.max(np.abs(spoken), initial=0.0))
    return spoken * np.float32(_LOUDEST / peak) if peak > _LOUDEST else spoken


def _trim(sound: Float32) -> Float32:
    loud = np.flatnonzero(np.abs(sound) > _QUIET * np.max(np.abs(sound), initial=0.0))
    if not len(loud) or not np.all(np.isfinite(sound)):
        return sound[:0]
    margin = int(_MARGIN_S * SAMPLE_RATE)
    return sound[max(int(loud[0]) - margin, 0) : int(loud[-1]) + margin]


def make(
    plan: Plan,
    open_speaker: Callable[[], Speaker],
    texts: Mapping[str, Texts],
    jobs: int,
    progress: Progress,
) -> Path:
    """Make the takes of a plan that are not there yet, and the manifest of all.

    The manifest is kept up to date on the way. Ctrl-C leaves whole takes and a manifest of them.

    Args:
        plan: what to make.
        open_speaker: opens a synthesizer, once in each process; it must be a function that can be pickled.
        texts: by the first two letters of a voice's language.
        jobs: processes; 1 is this one.
        progress: called with the hours done, by the least length of a take, and hours in all.

    Returns:
        The path of the manifest.

    Raises:
        InputError: see `Plan.begin`; or the synthesizer is not there.
    """
    plan.begin()
    there = (take for take in plan.takes() if (plan.folder / take.name).is_file())
    lengths = {take.name: measure(plan.folder / take.name).seconds for take in there}
    missing = [take for take in plan.takes() if take.name not in lengths]
    written = -np.inf
    try:
        for name, seconds in do_all(missing, partial(_open_worker, plan, open_speaker, texts), jobs):
            lengths[name] = seconds
            progress(min(len(lengths) * TAKE_S / 3600.0, plan.hours), plan.hours)
            if monotonic() > written + _MANIFEST_EVERY_S:
                _write_manifest(plan, lengths)
                written = monotonic()
    finally:
        _write_manifest(plan, lengths)
    return plan.folder / MANIFEST


def _write_manifest(plan: Plan, lengths: Mapping[str, float]) -> None:
    rows = tuple(
        Item(
            "speech",
            take.name,
            SOURCE,
            f"{SOURCE}/{take.voice.name}",
            take.voice.split,
            end_s=round(lengths[take.name], 3),
            sample_rate=SAMPLE_RATE,
            licence=LICENCE,
        )
        for take in plan.takes()
        if take.name in lengths
    )
    write_manifest(Manifest(SOURCE, plan.folder, rows), plan.folder / MANIFEST)


def _open_worker(
    plan: Plan, open_speaker: Callable[[], Speaker], texts: Mapping[str, Texts]
) -> Callable[[Take], tuple[str, float]]:
    speaker = open_speaker()

    def do(take: Take) -> tuple[str, float]:
        sound = speak_take(take, speaker, texts)
        if not len(sound):
            raise InputError(f"nothing was spoken for {take.name}")
        write_sound(sound, plan.folder / take.name, plan.form)
        return take.name, len(sound) / SAMPLE_RATE

    return do
