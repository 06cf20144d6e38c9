"""What is evaluated: how users name it, what it hears and what it sees."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.bench.data.builtin import Item
from lipstream.bench.systems import ours as systems
from lipstream.bench.systems.ours import (
    VIDEOS,
    FolderSystem,
    ModelSystem,
    OfflineSystem,
    parse_system,
    shown_lips,
    video_signal,
)
from lipstream.errors import InputError
from lipstream.stream.enhancer import Enhancer

WAVE = 0.1 * np.random.default_rng(0).standard_normal(8000, dtype=np.float32)
CLIPS = [("anna", Path("a.mp4")), ("anna", Path("a2.mp4")), ("ben", Path("b.mp4"))]


def crop(brightness: int) -> np.ndarray:
    return np.full((96, 96, 3), brightness, np.uint8)


@pytest.fixture
def filmed(monkeypatch: pytest.MonkeyPatch) -> Item:
    """A recording of anna with a video of four frames; ben's frames are brighter."""
    bright = {"a.mp4": 10, "b.mp4": 100}
    monkeypatch.setattr(
        systems,
        "lips_of",
        lambda path: [(0.04 * k, crop(bright[path.name] + k)) for k in range(4)],
    )
    return Item("n1", "talker", 0.0, WAVE, WAVE, "seen", Path("a.mp4"), "anna")


@pytest.mark.parametrize(
    ("kind", "brightness"),
    [
        ("good", [10, 11, 12, 13]),
        ("black", [0, 0, 0, 0]),
        ("frozen", [10, 10, 10, 10]),
        ("stuck", [10, 11, 12, 12]),
        ("wrong", [100, 101, 102, 103]),
    ],
)
def test_each_kind_of_video_shows_what_its_camera_would(filmed: Item, kind: str, brightness: list[int]):
    lips = shown_lips(kind, filmed, CLIPS)
    assert [time_s for time_s, _ in lips] == [0.04 * k for k in range(4)]
    assert [int(frame[0, 0, 0]) for _, frame in lips] == brightness


def test_without_another_speaker_there_is_no_wrong_video(filmed: Item):
    assert shown_lips("wrong", filmed, CLIPS[:2]) == []


def test_a_model_enhances_from_sound_alone_and_with_each_video(filmed: Item, pass_through: Any):
    system = ModelSystem("lite", Enhancer(runtime=pass_through), VIDEOS, CLIPS)
    outputs = system.outputs(filmed)
    assert list(outputs) == ["lite", *(video_signal("lite", kind) for kind in VIDEOS)]
    for output in outputs.values():
        np.testing.assert_allclose(output.wave, WAVE, atol=1e-6)
    assert outputs["lite"].alpha is None
    assert len(outputs["lite + video"].alpha or ()) == 8000 / 320


def test_a_model_needs_something_noisy(pass_through: Any):
    item = Item("n1", "files", 0.0, np.zeros(0, np.float32), WAVE)
    with pytest.raises(InputError, match="--noisy"):
        ModelSystem("lite", Enhancer(runtime=pass_through)).outputs(item)


@pytest.mark.parametrize("name", ["n1.flac", "n1.noisy.flac"])
def test_a_folder_gives_the_file_of_the_recording(tmp_path: Path, name: str):
    soundfile.write(tmp_path / name, WAVE, 16000, subtype="PCM_24")
    (system,) = [parse_system(f"DFN3={tmp_path}", (), [SimpleNamespace(name="audio", ids=["n1"], videos=[])])]
    assert isinstance(system, FolderSystem)
    (output,) = system.outputs(Item("n1", "noise", 0.0, WAVE, WAVE)).items()
    assert output[0] == "DFN3"
    np.testing.assert_allclose(output[1].wave, WAVE, atol=1e-6)


def test_a_folder_that_lacks_a_recording_is_told_beforehand(tmp_path: Path):
    soundfile.write(tmp_path / "n1.wav", WAVE, 16000)
    with pytest.raises(InputError, match="no 'n2'"):
        FolderSystem("x", tmp_path, [SimpleNamespace(name="audio", ids=["n1", "n2"], videos=[])])


def test_a_preset_is_a_system_of_its_own_name():
    system = parse_system("lite", ["good"], [SimpleNamespace(name="av", ids=[], videos=CLIPS)])
    assert isinstance(system, ModelSystem)
    assert (system.name, system.model, system.runtime, system.clips) == ("lite", "lite", "onnx", CLIPS)


def test_weights_of_ones_own_run_eagerly_under_their_own_name():
    from lipstream.models.store.registry import weights_file

    system = parse_system(f"lite@{weights_file('lite')}", (), [])
    assert isinstance(system, ModelSystem)
    assert (system.name, system.runtime) == ("lite", "eager")


def test_exported_graphs_run_on_onnx():
    from lipstream.models.store.registry import WEIGHTS_FOLDER

    system = parse_system(f"lite@{WEIGHTS_FOLDER}", (), [])
    assert isinstance(system, ModelSystem)
    assert system.runtime == "onnx"


def test_the_offline_form_is_aligned_with_its_input(tmp_path: Path):
    from safetensors.torch import save_file

    from lipstream.models.lite_avse import build

    save_file(build("lite", causal=False).state_dict(), tmp_path / "offline.safetensors")
    system = parse_system(f"lite:offline@{tmp_path / 'offline.safetensors'}", (), [])
    assert isinstance(system, OfflineSystem)
    output = system.outputs(Item("n1", "noise", 0.0, WAVE[:4321], WAVE[:4321]))["lite offline"].wave
    assert output.size == 4321
    # Untrained, the band codec's filters let everything through.
    lags = np.correlate(output, WAVE[:4321], "full")
    assert int(np.argmax(np.abs(lags))) == 4320


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "unknown model 'nothing'"),
        ("lite:magic", "unknown runtime 'magic'"),
        ("no/such/folder", "neither a folder nor"),
        ("noisy=lite", "neither a folder nor"),
        ("lite:offline", "name them"),
        ("lite:offline@missing.safetensors", "no weights of the offline form"),
        ("lite@missing.safetensors", "no such weights file"),
        ("lite:onnx@missing", r"holds no lite\.onnx"),
        ("lite:magic@x.safetensors", "not 'magic'"),
    ],
)
def test_a_system_that_is_not_there_is_told(text: str, message: str):
    with pytest.raises(InputError, match=message):
        parse_system(text, (), [])
