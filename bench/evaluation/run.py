"""Evaluate systems on sets of recordings: enhance, score, and keep every finished recording on disk.

The systems run in the caller, one recording after another; scoring, the slower half, may run in worker
processes.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ...core.arrays import Float32
from ...core.processes import map_in_order
from ...errors import InputError
from ..data.recordings import NOISY, Item, Recordings, spread
from ..machine import fingerprint
from ..metrics import SAMPLE_RATE, score
from ..output import plain, write_text
from ..speed.cost import Cost
from ..systems.base import Output, System
from ..systems.ours import CHUNK_SAMPLES
from ..systems.peers.process import PeerError
from .config import EvaluateConfig
from .results import AlphaTrace, Example, Record, Results, record_of, save_results, save_scores_csv

#: The file in the folder of the run: its settings, then one finished recording a line.
UNFINISHED = "unfinished.jsonl"

#: What a run leaves in its folder.
RESULTS, SCORES, EXAMPLES = "results.json", "scores.csv", "examples"

Track = Callable[[Iterable["Outcome"], int], Iterable["Outcome"]]


@dataclass(frozen=True)
class Outcome:
    """Everything that is kept of one recording; ``failures`` are the systems that broke down, and why."""

    record: Record
    alpha: Sequence[AlphaTrace] = ()
    example: Example | None = None
    failures: Mapping[str, str] = field(default_factory=dict)


class Journal:
    """The finished recordings of a run; each is on disk as soon as it is added.

    Args:
        folder: of the run, made if need be; empty, or with an unfinished run of the same settings.
        settings: what makes the run what it is.

    Attributes:
        outcomes: all finished recordings, those of an earlier start first.

    Raises:
        InputError: the folder holds something else, or cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._path = folder / UNFINISHED
        header = json.dumps(plain(settings))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            in_use = any(folder.iterdir())
        except OSError as error:
            raise InputError(f"'{folder}' cannot be the folder of a run: {error.strerror}") from error
        if in_use and not self._path.is_file():
            raise InputError(f"'{folder}' is in use: name another folder with --out-dir, or empty this one")
        lines = self._path.read_text(encoding="utf-8").splitlines() if in_use else [header]
        if lines[:1] != [header]:
            raise InputError(f"'{folder}' holds an unfinished run of other settings: name another folder")
        self.outcomes = list(_readable(lines[1:]))
        # A line that was cut off when the run was killed goes.
        write_text(self._path, "\n".join(lines[: 1 + len(self.outcomes)]) + "\n")

    def add(self, outcome: Outcome) -> None:
        """Take a finished recording."""
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(plain(outcome)) + "\n")
        self.outcomes.append(outcome)

    def remove(self) -> None:
        """The run is finished: what it made lies elsewhere."""
        self._path.unlink()


def evaluate_systems(
    recordings: Sequence[Recordings],
    systems: Sequence[System],
    settings: Mapping[str, Any],
    config: EvaluateConfig,
    folder: Path | None = None,
    track: Track = lambda outcomes, _: outcomes,
) -> Results:
    """Evaluate systems on recordings.

    A system that breaks down is left out of the results, and told in their notes; the others go on.

    Args:
        recordings: sets of recordings under different names.
        systems: what to evaluate, under different names; closed at the end.
        settings: what makes this run what it is: an interrupted run of the same settings is gone on with.
        config: how to evaluate.
        folder: as in `Journal`; the results also go into its ``results.json`` and ``scores.csv``. With None
            nothing is written, and no examples are kept.
        track: watches recordings being finished, given how many there will be.

    Raises:
        InputError: a folder that is in use, two of the same name, recordings that cannot be read.
    """
    try:
        for names in ([entry.name for entry in recordings], [NOISY, *(system.name for system in systems)]):
            if len(set(names)) < len(names):
                raise InputError(
                    f"{', '.join(names)}: give each one a name of its own, as in --system NAME=..."
                )
        machine = fingerprint()
        journal = None if folder is None else Journal(folder, settings)
        outcomes = [] if journal is None else journal.outcomes
        keys = [(entry.name, name) for entry in recordings for name in entry.ids]
        done = {outcome.record.key for outcome in outcomes}
        enhanced = _enhanced(recordings, systems, config, folder, done)
        scored = map_in_order(_scored, enhanced, config.jobs)
        for outcome in track(scored, len(keys) - len(done)):
            if journal is None:
                outcomes.append(outcome)
            else:
                journal.add(outcome)
        failures = {name: reason for outcome in outcomes for name, reason in outcome.failures.items()}
        costs, unmeasured = _costs([system for system in systems if system.name not in failures], config)
    finally:
        for system in systems:
            system.close()
    places = {key: place for place, key in enumerate(keys)}
    outcomes = sorted(outcomes, key=lambda outcome: places[outcome.record.key])
    results = Results(
        machine=plain(machine),
        settings=settings,
        items=[_without(outcome.record, failures) for outcome in outcomes],
        alpha=[trace for outcome in outcomes for trace in outcome.alpha],
        costs=costs,
        examples=[outcome.example for outcome in outcomes if outcome.example],
        notes=[
            *(note for entry in recordings for note in entry.notes),
            *(f"{name}: failed: {reason}" for name, reason in failures.items()),
            *unmeasured,
        ],
    )
    if journal is not None and folder is not None:
        save_scores_csv(folder / SCORES, results)
        save_results(folder / RESULTS, results)
        journal.remove()
    return results


def _enhanced(
    recordings: Sequence[Recordings],
    systems: Sequence[System],
    config: EvaluateConfig,
    folder: Path | None,
    done: set[tuple[str, str]],
) -> Iterator[tuple[Outcome, Float32, dict[str, Float32], tuple[str, ...]]]:
    """The arguments of `_scored` for each recording that is not done yet."""
    failures: dict[str, str] = {}
    for entry in recordings:
        kept = spread(entry.ids, config.examples)
        for item in entry:
            if (entry.name, item.id) in done:
                continue
            outputs = {NOISY: Output(item.noisy)} if item.noisy.size and config.noisy else {}
            for system in systems:
                if system.name not in failures:
                    try:
                        outputs |= system.outputs(item)
                    except PeerError as error:
                        failures[system.name] = error.reason
            waves = {signal: output.wave for signal, output in outputs.items()}
            record = Record(item.id, item.condition, item.snr_db, {}, item.kind, item.speaker, entry.name)
            alpha = [
                AlphaTrace(entry.name, item.id, signal, CHUNK_SAMPLES / SAMPLE_RATE, output.alpha)
                for signal, output in outputs.items()
                if output.alpha is not None
            ]
            example = None
            if folder is not None and item.id in kept:
                example = _keep_example(entry.name, item, waves, folder)
            yield Outcome(record, alpha, example, dict(failures)), item.clean, waves, config.families


def _scored(
    unscored: Outcome, clean: Float32, waves: Mapping[str, Float32], families: Sequence[str]
) -> Outcome:
    """Score all signals of a recording; runs in a worker process where there are several jobs."""
    scores = {signal: score(clean, wave, families) for signal, wave in waves.items()}
    return replace(unscored, record=replace(unscored.record, scores=scores))


def _costs(systems: Sequence[System], config: EvaluateConfig) -> tuple[list[Cost], list[str]]:
    """The cost of each system, and a line for each of which it could not be measured."""
    costs, notes = [], []
    for system in systems if config.costs else ():
        try:
            cost = system.cost()
        except InputError as error:  # hours of scoring are not to be lost for it
            notes.append(f"{system.name}: cost not measured: {error}")
        else:
            costs += [cost] if cost is not None else []
    return costs, notes


def _without(record: Record, failures: Mapping[str, str]) -> Record:
    """A recording without what systems made of it that broke down later on."""
    kept = {signal: scores for signal, scores in record.scores.items() if signal not in failures}
    return replace(record, scores=kept)


def _readable(lines: Sequence[str]) -> Iterator[Outcome]:
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            return
        example = content["example"]
        yield Outcome(
            record_of(content["record"]),
            [AlphaTrace(**trace) for trace in content["alpha"]],
            Example(**example) if example else None,
            content.get("failures", {}),
        )


def _keep_example(dataset: str, item: Item, waves: Mapping[str, Float32], folder: Path) -> Example:
    """Write the signals of a recording as FLAC; the paths are relative to the folder of the run."""
    place = Path(EXAMPLES) / _file_name(f"{dataset}-{item.id}")
    (folder / place).mkdir(parents=True, exist_ok=True)
    files = {}
    for number, (signal, wave) in enumerate([*waves.items(), ("clean", item.clean)]):
        file = place / f"{number}-{_file_name(signal)}.flac"
        soundfile.write(folder / file, np.clip(wave, -1.0, 1.0), SAMPLE_RATE)
        files[signal] = file.as_posix()
    return Example(dataset, item.id, files)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)
