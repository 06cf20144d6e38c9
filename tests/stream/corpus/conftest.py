"""A small tree of recordings, and workers in the process of the test."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.core.crew import Done, Event, Make
from lipstream.stream.corpus.run import Tally, plan, run
from lipstream.stream.corpus.settings import Settings
from lipstream.stream.corpus.table import Manifest
from lipstream.stream.corpus.trees import Tree


class Here:
    """A crew of one, in this process: what it runs sees the fixtures of the test."""

    size = 1

    def __init__(self, make: Make) -> None:
        self._make = make
        self._news: list[Event] = []

    def start(self, worker: int) -> None:
        self._do = self._make()
        self._news.append(Event(worker, Done()))

    def give(self, worker: int, jobs: Sequence[Any]) -> None:
        self._news.append(Event(worker, Done([self._do(job) for job in jobs])))

    def events(self, timeout_s: float) -> list[Event]:
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        pass


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder ``src``: two recordings, one in a folder below; what only says it is one; and notes."""
    source = tmp_path / "src"
    (source / "talks" / "late").mkdir(parents=True)
    sound = 0.1 * np.sin(np.arange(8_000) / 10)
    soundfile.write(source / "one.wav", sound, 16_000)
    soundfile.write(source / "talks" / "late" / "two.flac", np.stack([sound, 0 * sound], axis=1), 44_100)
    (source / "talks" / "broken.mp3").write_bytes(b"no sound at all")
    (source / "notes.txt").write_text("not to be cleaned")
    return source


@pytest.fixture
def settings(recordings: Path) -> Settings:
    """From ``src`` into ``dst`` beside it."""
    return Settings(Tree(str(recordings)), Tree(str(recordings.parent / "dst")), "lite", "onnx")


@pytest.fixture
def clean() -> Callable[..., Tally]:
    """Cleans what is missing by a worker in this process; ``again``: all of it."""

    def clean(settings: Settings, manifest: Path, again: bool = False) -> Tally:
        with Manifest(manifest) as rows:
            return run(settings, plan(settings, rows.rows, again), rows, Here)

    return clean
