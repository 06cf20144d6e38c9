"""A miniature corpus, a tiny model and a short recipe shared by the tests of training."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from lipstream.models.config import (
    PRESETS,
    BandCodecConfig,
    BandRegion,
    MixerConfig,
    ModelConfig,
    VisualConfig,
)
from lipstream.train.mixing.mixtures import MixConfig
from lipstream.train.recipe import Recipe

SAMPLE_RATE = 16000

#: Speakers of the miniature corpus. The loop holds ls4 out for validation, and the noise source noisekun.
SPEAKERS = ("mini/ls4", "mini/ls5", "mini/ls6")


def voice(seconds: float, pitch_hz: float) -> np.ndarray:
    """A gliding voice in syllables of 0.25 s, in which PESQ finds utterances."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(pitch_hz + 40 * np.sin(2 * np.pi * 0.7 * time)) / SAMPLE_RATE
    formant = 4 + 2 * np.sin(2 * np.pi * 3 * time)
    tones = sum(np.sin(k * phase) * np.exp(-((k - formant) ** 2) / 18) for k in range(1, 25))
    return (0.1 * np.clip(np.sin(2 * np.pi * 2 * time), 0.02, None) * tones).astype(np.float32)


def _write_speech(folder: Path) -> None:
    """Two clips of each speaker in one file, 0.25 s of silence between them."""
    silence = np.zeros(SAMPLE_RATE // 4, np.float32)
    rows, pieces, start = [], [], 0.0
    for number, speaker in enumerate(SPEAKERS):
        for seconds in (1.5, 2.0):
            pieces += [voice(seconds, 110 + 60 * number), silence]
            rows.append(f"train/speech/mini.flac,{start:.3f},{start + seconds:.3f},mini,{speaker},A")
            start += seconds + 0.25
    (folder / "speech").mkdir(parents=True)
    soundfile.write(folder / "speech" / "mini.flac", np.concatenate(pieces), SAMPLE_RATE)
    (folder / "speech.csv").write_text("\n".join(["file,start_s,end_s,source,speaker,tier", *rows]) + "\n")


def _write_noise(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["file,start_s,end_s,source,class"]
    (folder / "noise").mkdir()
    for source, seconds in (("fan", 3.0), ("noisekun", 2.0)):
        samples = 0.05 * rng.standard_normal(int(seconds * SAMPLE_RATE))
        soundfile.write(folder / "noise" / f"{source}.flac", samples, SAMPLE_RATE)
        rows.append(f"train/noise/{source}.flac,0.000,{seconds:.3f},{source},machine")
    (folder / "noise.csv").write_text("\n".join(rows) + "\n")


def _write_room(folder: Path) -> None:
    """Silence, the direct sound, and a reverberant tail 12 dB below it."""
    response = np.zeros(1600)
    response[100] = 0.8
    response[101:] = 0.2 * np.exp(-np.arange(1499) / 300) * np.random.default_rng(1).uniform(-1, 1, 1499)
    (folder / "rir").mkdir()
    soundfile.write(folder / "rir" / "room.flac", response, SAMPLE_RATE)


@pytest.fixture(scope="session")
def _pristine_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    _write_speech(folder / "train")
    _write_noise(folder / "train")
    _write_room(folder / "train")
    return folder


@pytest.fixture
def data(_pristine_data: Path, tmp_path: Path) -> Path:
    """A data folder: three speakers of one source, two sources of noise, one room. Tests may damage it."""
    return Path(shutil.copytree(_pristine_data, tmp_path / "data"))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a preset that trains in milliseconds; one thread, as results depend on their number."""
    config = ModelConfig(
        name="tiny",
        channels=4,
        num_blocks=1,
        codec="band",
        time=MixerConfig(version=2, expand=2, d_state=4, head_size=4),
        frequency=MixerConfig(version=2, expand=2, d_state=4, head_size=4, shared_directions=True),
        band=BandCodecConfig(features=4, regions=(BandRegion(10, 20),), taps=1),
        visual=VisualConfig(embedding_size=8, lips_size=32),
    )
    monkeypatch.setitem(PRESETS, config.name, config)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield config.name
    torch.set_num_threads(threads)


@pytest.fixture
def make_recipe(data: Path, tiny: str) -> Callable[..., Recipe]:
    """Makes recipes for the tiny preset and the miniature corpus: six steps of two mixtures of 0.5 s."""

    def make(**changes: Any) -> Recipe:
        settings: dict[str, Any] = {
            "preset": tiny,
            "data": str(data),
            "steps": 6,
            "batch": 2,
            "validate_every": 3,
            "validation_items": 1,
            "mix": MixConfig(seconds=0.5, source_weights=(("mini", 1.0),)),
        }
        return Recipe(**(settings | changes))

    return make
