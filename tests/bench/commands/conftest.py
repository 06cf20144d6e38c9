"""The commands of the bench, and a data folder of one recording to run them on."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.bench.commands import add_parsers


def _run(*argv: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    args = parser.parse_args(list(map(str, argv)))
    return int(args.run(args))


@pytest.fixture
def run_bench() -> Callable[..., int]:
    """Runs ``lipstream bench`` with arguments."""
    return lambda *argv: _run("bench", *argv)


@pytest.fixture
def run_evaluate() -> Callable[..., int]:
    """Runs ``lipstream evaluate`` with arguments."""
    return lambda *argv: _run("evaluate", *argv)


@pytest.fixture
def data(tmp_path: Path, speech_like: Callable[[float], np.ndarray]) -> Path:
    """A data folder whose test set audio is one recording."""
    folder = tmp_path / "data" / "test"
    (folder / "audio").mkdir(parents=True)
    clean = speech_like(1.5)
    noisy = clean + 0.02 * np.random.default_rng(1).standard_normal(clean.size)
    soundfile.write(folder / "audio" / "n1.clean.flac", clean, 16000)
    soundfile.write(folder / "audio" / "n1.noisy.flac", noisy, 16000)
    (folder / "audio.csv").write_text("id,condition,snr_db,speaker\nn1,noise,5,x\n")
    return folder.parent
