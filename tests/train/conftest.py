"""A miniature corpus, talking faces, a tiny model and a short recipe shared by the tests of training."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from lipstream.core.arrays import Float32
from lipstream.models.config import (
    PRESETS,
    BandCodecConfig,
    BandRegion,
    MixerConfig,
    ModelConfig,
    VisualConfig,
)
from lipstream.models.lips.points import POINTS
from lipstream.train.cue.levels import true_cue
from lipstream.train.data.landmark_corpus import LandmarkClip
from lipstream.train.mixing.mixtures import MixConfig
from lipstream.train.recipe import Recipe

SAMPLE_RATE = 16000
_EYES = [POINTS.index(33), POINTS.index(263)]
_CHIN = POINTS.index(152)

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
            "held_out_noise": ("noisekun",),
            "mix": MixConfig(seconds=0.5, source_weights={"mini": 1.0}),
        }
        return Recipe(**(settings | changes))

    return make


def speech(seconds: float, seed: int) -> Float32:
    """Noise in syllables: each of its four bands comes and goes at its own pace."""
    rng = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal((4, count)), axis=1)
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    for row, (low, high) in enumerate(((100, 700), (700, 1800), (1800, 3500), (3500, 7500))):
        spectrum[row, (hz < low) | (hz >= high)] = 0.0
    knots = np.arange(0.0, seconds + 0.1, 0.1)
    times_s = np.arange(count) / SAMPLE_RATE
    common = rng.uniform(-30.0, 0.0, len(knots))
    levels = [np.interp(times_s, knots, common + rng.uniform(-8.0, 0.0, len(knots))) for _ in range(4)]
    bands = np.fft.irfft(spectrum, count, axis=1) * 10 ** (np.array(levels) / 20)
    return np.asarray(0.05 * bands.sum(0), np.float32)


def face(opening: Float32, seed: int) -> Float32:
    """Faces of 60 pixels from eye to eye whose chin and lower points go down with ``opening [T]``."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(100.0, 140.0, (len(POINTS), 3))
    points[_EYES] = [[90.0, 80.0, 0.0], [150.0, 80.0, 0.0]]
    landmarks = np.tile(points, (len(opening), 1, 1)) + rng.normal(0.0, 0.05, (len(opening), len(POINTS), 3))
    landmarks[:, [2, 3, 15, 20, _CHIN], 1] += opening[:, None]
    return np.asarray(landmarks, np.float32)


def clip_of(speaker: str, seed: int, seconds: float = 2.0) -> LandmarkClip:
    """A face whose mouth is as open as its voice is loud."""
    sound = speech(seconds, seed)
    opening = 4.0 * true_cue(sound)[:, -1]
    return LandmarkClip(speaker, face(opening, seed), 0.04 * np.arange(len(opening), dtype=np.float64), sound)


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., LandmarkClip]:
    """See `clip_of`."""
    return clip_of


@pytest.fixture(scope="session")
def make_speech() -> Callable[[float, int], Float32]:
    """See `speech`."""
    return speech
