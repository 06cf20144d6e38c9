"""A corpus of synthetic voices by a synthesizer of tones: whole, the same again, gone on with, read back."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.errors import InputError
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.data.manifest import read_manifest
from lipstream.train.makers import speak
from lipstream.train.makers.speak import Plan, make
from lipstream.train.makers.texts import texts_by_language
from lipstream.train.makers.voices import Voice

VOICES = (
    Voice("low", "en-us", (("a", 1.0),), 1.0, "train"),
    Voice("high", "es", (("b", 1.0),), 1.2, "train"),
    Voice("kept", "fr", (("c", 0.6), ("a", 0.4)), 0.9, "valid"),
)
TEXTS = texts_by_language({})


class Tones:
    """Speaks 0.02 s a letter as a tone of the voice, with silence around it, three times too loud."""

    rate = 24000

    def __init__(self, log: Path) -> None:
        self._log = log

    def speak(
        self, text: str, language: str, styles: tuple[tuple[str, float], ...], speed: float
    ) -> np.ndarray:
        with self._log.open("a") as handle:
            handle.write(f"{language} {text}\n")
        time = np.arange(int(0.02 * len(text) / speed * self.rate)) / self.rate
        tone = 3.0 * np.sin(2 * np.pi * 200 * (1 + ord(styles[0][0]) - ord("a")) * time)
        return np.pad(tone, 12000).astype(np.float32)


class Tired(Tones):
    """Is interrupted after a dozen texts."""

    spoken = 0

    def speak(
        self, text: str, language: str, styles: tuple[tuple[str, float], ...], speed: float
    ) -> np.ndarray:
        self.spoken += 1
        if self.spoken > 12:
            raise KeyboardInterrupt
        return super().speak(text, language, styles, speed)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speak, "TAKE_S", 6.0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Nine takes: three of each voice."""
    return Plan(tmp_path / "corpus", VOICES, hours=9 * 6.0 / 3600.0, seed=1)


def run(plan: Plan, kind: type[Tones] = Tones, jobs: int = 1) -> list[tuple[float, float]]:
    told: list[tuple[float, float]] = []
    log = plan.folder.parent / "log.txt"
    make(plan, partial(kind, log), TEXTS, jobs, lambda done, total: told.append((done, total)))
    return told


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def lines(plan: Plan) -> Iterator[str]:
    return iter((plan.folder.parent / "log.txt").read_text().splitlines())


def test_a_manifest_lists_every_take_with_its_voice(plan: Plan) -> None:
    told = run(plan)
    manifest = read_manifest(plan.folder / "voices.jsonl")
    assert [item.speaker for item in manifest.items] == ["kokoro/low", "kokoro/high", "kokoro/kept"] * 3
    assert [item.split for item in manifest.items] == ["train", "train", "valid"] * 3
    assert {(item.licence, item.source, item.kind) for item in manifest.items} == {
        ("Apache-2.0", "kokoro", "speech")
    }
    for item in manifest.items:
        header = soundfile.info(manifest.path(item))
        assert (header.samplerate, header.channels) == (16000, 1)
        assert item.end_s == pytest.approx(header.duration, abs=1e-3)
        assert header.duration >= 6.0
    assert told[-1] == (plan.hours, plan.hours)


def test_takes_are_trimmed_not_clipped_and_hold_several_sentences(plan: Plan) -> None:
    run(plan)
    for path in plan.folder.rglob("*.flac"):
        samples, _ = soundfile.read(path)
        assert 0.9 < np.max(np.abs(samples)) <= 0.985
        loud = np.flatnonzero(np.abs(samples) > 0.05)
        assert loud[0] < 1000
        # Silence of 0.5 s on both sides of a sentence is gone; pauses are up to 0.6 s and two margins.
        assert np.max(np.diff(loud)) < 0.75 * 16000


def test_training_reads_the_corpus(plan: Plan, tmp_path: Path) -> None:
    run(plan)
    corpus = read_corpus(read_library(str(plan.folder / "voices.jsonl")), tmp_path / "cache")
    train, valid = corpus.split(lambda clip: clip.split == "valid")
    assert {clip.group for clip in train.speech} == {"kokoro/low", "kokoro/high"}
    assert {clip.group for clip in valid.speech} == {"kokoro/kept"}


def test_an_interrupted_run_goes_on_and_gives_what_one_run_gives(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(plan, Tired)
    finished = {path: path.stat().st_mtime_ns for path in plan.folder.rglob("*.flac")}
    assert 0 < len(finished) < 9
    assert len(read_manifest(plan.folder / "voices.jsonl").items) == len(finished)
    (plan.folder / "low" / ".low-009.flac.1.part").write_bytes(b"half a file")
    run(plan)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert not list(plan.folder.rglob("*.part"))
    whole = Plan(tmp_path / "whole", VOICES, plan.hours, plan.seed)
    run(whole)
    assert contents(whole.folder) == contents(plan.folder)


def test_what_is_done_is_not_done_again_and_more_hours_add_takes(plan: Plan) -> None:
    run(plan)
    spoken = len(list(lines(plan)))
    before = contents(plan.folder)
    run(plan)
    assert len(list(lines(plan))) == spoken
    run(Plan(plan.folder, VOICES, plan.hours * 4 / 3, plan.seed))
    after = contents(plan.folder)
    assert len(list(plan.folder.rglob("*.flac"))) == 12
    assert all(after[name] == data for name, data in before.items() if name.endswith(".flac"))


def test_several_processes_give_what_one_gives(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # a spawned process has the length of takes that the module has
    short = Plan(plan.folder, VOICES, 3 * speak.TAKE_S / 3600.0, 1)
    run(short, jobs=2)
    alone = Plan(tmp_path / "alone", VOICES, short.hours, 1)
    run(alone)
    assert contents(short.folder) == contents(alone.folder)


def test_each_language_is_spoken_with_its_own_texts(plan: Plan) -> None:
    run(plan)
    spoken = [line.partition(" ")[::2] for line in lines(plan)]
    assert {language for language, _ in spoken} == {"en-us", "es", "fr"}
    assert any("¿" in text for language, text in spoken if language == "es")
    assert not any("¿" in text for language, text in spoken if language != "es")


def test_opus_is_smaller_and_read_as_well(plan: Plan) -> None:
    run(Plan(plan.folder, VOICES, plan.hours / 9, 1, "opus"))
    (path,) = plan.folder.rglob("*.opus")
    assert soundfile.info(path).samplerate == 16000
    assert os.path.getsize(path) < 60000


@pytest.mark.parametrize(("changed", "name"), [({"seed": 2}, "seed"), ({"voices": VOICES[:2]}, "voices")])
def test_a_folder_of_another_plan_is_refused(plan: Plan, changed: dict[str, object], name: str) -> None:
    plan.begin()
    fields = {"seed": 1, "voices": VOICES} | changed
    with pytest.raises(InputError, match=f"was begun with other {name}: name another folder"):
        Plan(plan.folder, hours=1.0, **fields).begin()  # type: ignore[arg-type]


def test_a_synthesizer_that_says_nothing_is_told(plan: Plan) -> None:
    class Silent(Tones):
        def speak(self, *_: object) -> np.ndarray:
            return np.zeros(2400, np.float32)

    with pytest.raises(InputError, match=r"nothing was spoken for low/low-000.flac"):
        run(plan, Silent)
    assert not list(plan.folder.rglob("*.flac"))
