"""Whether speech is left alone: clean, quiet and whispered through an enhancer; and its level in noise."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from ...core.processes import map_in_order
from ...errors import InputError
from ...stream.enhancer import Enhancer
from ...stream.runtimes.base import Runtime
from ..metrics.intrusive import SAMPLE_RATE, estoi, pesq_wb
from ..metrics.level import active_level_db, eaten_percent, level_error_db, projected_gain_db
from ..output import format_table
from ..systems.chunks import enhance_in_chunks
from .builtin import Float32, Item
from .whisper import whisper

#: Active levels of quiet speech, and of a microphone's own hiss, over full scale.
QUIET_DB, QUIETER_DB, HISS_DB = -40.0, -50.0, -65.0

#: The condition of the test set in which the level of speech is measured as well.
NOISE = "noise"


@dataclass(frozen=True, eq=False)
class Case:
    """Speech to put through an enhancer.

    Attributes:
        id: of the recording it was made of.
        condition: what was made of it.
        speech: what should come out, float32 ``[samples]`` at 16 kHz.
        given: what goes in, as long.
        snr_db: level of the speech over recorded noise; infinite where there is none.
    """

    id: str
    condition: str
    speech: Float32
    given: Float32
    snr_db: float = math.inf


@dataclass(frozen=True)
class ItemFidelity:
    """How one case came through; NaN where a score is not defined.

    Attributes:
        id, condition, snr_db: of the case.
        level_error_db: level of active speech over what it was; in noise, of the speech within the output.
        pesq_wb, estoi: of the output against the speech; NaN in noise, see `lipstream.bench.quality` there.
        eaten_percent: share of the frames of speech that have lost more than 10 dB; NaN in noise.
    """

    id: str
    condition: str
    snr_db: float
    level_error_db: float
    pesq_wb: float = math.nan
    estoi: float = math.nan
    eaten_percent: float = math.nan


@dataclass(frozen=True)
class ConditionFidelity:
    """Means over the cases of a condition, each over those where the score is defined; NaN where in none.

    Attributes:
        condition: their name.
        count: cases.
        pesq_wb, estoi, eaten_percent: means, see `ItemFidelity`.
        level_error_db: mean of the magnitude.
        worst_level_error_db: the error of the largest magnitude, with its sign.
    """

    condition: str
    count: int
    pesq_wb: float
    estoi: float
    level_error_db: float
    worst_level_error_db: float
    eaten_percent: float

    @classmethod
    def of(cls, condition: str, items: Sequence[ItemFidelity]) -> "ConditionFidelity":
        errors = [item.level_error_db for item in items if math.isfinite(item.level_error_db)]
        return cls(
            condition=condition,
            count=len(items),
            pesq_wb=_mean([item.pesq_wb for item in items]),
            estoi=_mean([item.estoi for item in items]),
            level_error_db=_mean([abs(error) for error in errors]),
            worst_level_error_db=max(errors, key=abs, default=math.nan),
            eaten_percent=_mean([item.eaten_percent for item in items]),
        )


@dataclass(frozen=True)
class FidelityReport:
    """Scores of every case, and their means by condition."""

    items: tuple[ItemFidelity, ...]

    def summaries(self) -> list[ConditionFidelity]:
        """Means of each condition; those in noise last, by ratio, and all of them together."""
        noisy = [item for item in self.items if math.isfinite(item.snr_db)]
        noisy.sort(key=lambda item: item.snr_db)
        groups: dict[str, list[ItemFidelity]] = {}
        for item in [*(item for item in self.items if math.isinf(item.snr_db)), *noisy]:
            groups.setdefault(item.condition, []).append(item)
        if noisy:
            groups[f"{NOISE}, all"] = noisy
        return [ConditionFidelity.of(condition, items) for condition, items in groups.items()]

    def table(self) -> str:
        """The means as text, one row a condition."""
        headers = ["", "items", "PESQ-WB", "ESTOI", "level error, dB\nmean", "\nworst", "eaten\n%"]
        rows = [
            [
                row.condition,
                str(row.count),
                _cell(row.pesq_wb, ".2f"),
                _cell(row.estoi, ".3f"),
                _cell(row.level_error_db, ".2f"),
                _cell(row.worst_level_error_db, "+.2f"),
                _cell(row.eaten_percent, ".2f"),
            ]
            for row in self.summaries()
        ]
        return format_table(headers, rows)


def measure_fidelity(
    recordings: Iterable[Item],
    model: str = "lite",
    runtime: str | Runtime = "onnx",
    speakers: int | None = None,
    jobs: int = 1,
) -> FidelityReport:
    """Stream speech that an enhancer should leave alone through one, and see what is left of it.

    Args:
        recordings: the first one of each speaker gives clean speech, those in noise speech in noise.
        model: name of the preset.
        runtime: name of the runtime, or one that is loaded already.
        speakers: how many to take, the first ones; None for all.
        jobs: processes that score, see `lipstream.bench.quality.score_items`.

    Raises:
        InputError: unknown model or runtime, or recordings that cannot be read or hold no speech.
    """
    enhancer = Enhancer(model, SAMPLE_RATE, runtime)
    outputs = ((case, enhance_in_chunks(enhancer, case.given)) for case in _cases(recordings, speakers))
    return FidelityReport(tuple(map_in_order(score_case, outputs, jobs)))


def speech_cases(name: str, clean: Float32) -> Iterator[Case]:
    """Clean speech as it is, quiet, and whispered.

    Args:
        name: of the recording.
        clean: float32 ``[samples]`` at 16 kHz.

    Raises:
        InputError: there is no speech in it.
    """
    quiet, whispered = at_level(clean, QUIET_DB), whisper(clean)
    hiss = np.random.default_rng(0).standard_normal(clean.size).astype(np.float32)
    for condition, speech in {
        "clean": clean,
        f"{QUIET_DB:g} dBFS": quiet,
        f"{QUIETER_DB:g} dBFS": at_level(clean, QUIETER_DB),
        "whispered": whispered,
        f"whispered, {QUIET_DB:g} dBFS": at_level(whispered, QUIET_DB),
    }.items():
        yield Case(name, condition, speech, speech)
    in_hiss = quiet + np.float32(10 ** (HISS_DB / 20)) * hiss
    yield Case(name, f"{QUIET_DB:g} dBFS in hiss of {HISS_DB:g} dBFS", quiet, in_hiss)


def at_level(speech: Float32, level_db: float) -> Float32:
    """The same speech at another active level over full scale.

    Raises:
        InputError: there is no speech in it.
    """
    gain_db = level_db - active_level_db(speech)
    if math.isnan(gain_db):
        raise InputError("a clean recording of the test set holds no speech: take it out of the list")
    return np.float32(10 ** (gain_db / 20)) * speech


def score_case(case: Case, output: Float32) -> ItemFidelity:
    """Score what an enhancer made of a case: float32 ``[samples]``, aligned with it."""
    if math.isfinite(case.snr_db):
        gain_db = projected_gain_db(case.speech, output)
        return ItemFidelity(case.id, case.condition, case.snr_db, gain_db)
    return ItemFidelity(
        id=case.id,
        condition=case.condition,
        snr_db=case.snr_db,
        level_error_db=level_error_db(case.speech, output),
        pesq_wb=pesq_wb(case.speech, output),
        estoi=estoi(case.speech, output),
        eaten_percent=eaten_percent(case.speech, output),
    )


def _cases(recordings: Iterable[Item], speakers: int | None) -> Iterator[Case]:
    met: set[str] = set()
    for item in recordings:
        speaker = item.speaker or item.id
        if speaker not in met:
            if len(met) == speakers:
                continue
            met.add(speaker)
            yield from speech_cases(item.id, item.clean)
        if item.condition == NOISE:
            yield Case(item.id, f"{NOISE}, {item.snr_db:g} dB", item.clean, item.noisy, item.snr_db)


def _mean(values: Iterable[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return fmean(finite) if finite else math.nan


def _cell(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)
