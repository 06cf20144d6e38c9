"""What is evaluated: how users name it, what it hears and what it sees."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.bench.data.builtin import RecordingSet
from lipstream.bench.data.recordings import Item
from lipstream.bench.speed.cost import Cost
from lipstream.bench.systems import ours
from lipstream.bench.systems.base import FolderSystem
from lipstream.bench.systems.named import parse_system
from lipstream.bench.systems.ours import (
    VIDEOS,
    ModelSystem,
    OfflineSystem,
    ParentSystem,
    enhance_in_chunks,
    shown_lips,
    video_signal,
)
from lipstream.bench.systems.peers.system import PeerSystem
from lipstream.errors import InputError
from lipstream.models.store import registry
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S, Runtime
from tests.model_folders import lite_folder

WAVE = 0.1 * np.random.default_rng(0).standard_normal(8000, dtype=np.float32)
CLIPS = [("anna", Path("a.mp4")), ("anna", Path("a2.mp4")), ("ben", Path("b.mp4"))]


def crop(brightness: int) -> np.ndarray:
    return np.full((96, 96, 3), brightness, np.uint8)


@pytest.mark.parametrize("samples", [1, 319, 320, 4000, 4321])
def test_the_output_is_aligned_with_the_input_and_as_long(pass_through: Runtime, samples: int):
    wave = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    out, alpha = enhance_in_chunks(Enhancer(runtime=pass_through), wave)
    assert len(alpha) == -(-samples // 320)
    np.testing.assert_allclose(out, wave, atol=1e-6)


def test_lips_count_from_their_own_time_on(pass_through: Any):
    wave = np.zeros(1600, np.float32)
    enhance_in_chunks(
        Enhancer(runtime=pass_through), wave, [(0.0, crop(9)), (0.0, crop(10)), (0.04, crop(20))]
    )
    brightness = [seen for seen, _ in pass_through.seen[:8]]
    assert brightness == [10, 10, 10, 20, 20, 20, 20, 20]
    assert pass_through.seen[3][1] == pytest.approx(0.01)


def test_one_recording_never_hears_or_sees_the_one_before(pass_through: Any):
    enhancer = Enhancer(runtime=pass_through)
    enhance_in_chunks(enhancer, np.ones(1000, np.float32), [(0.0, crop(9)), (0.0, crop(10))])
    out, _ = enhance_in_chunks(enhancer, np.zeros(1000, np.float32))
    assert not np.any(out)
    assert {age for _, age in pass_through.seen} == {NO_VIDEO_AGE_S}


def test_a_real_recording_runs_through_with_its_video(pass_through: Any, shared_data: Path):
    pytest.importorskip("mediapipe")
    item = next(iter(RecordingSet("av", shared_data)))
    outputs = ModelSystem("lite", Enhancer(runtime=pass_through), ["good"]).outputs(item)
    np.testing.assert_allclose(outputs["lite + video"].wave, item.noisy, atol=1e-3)
    assert len({seen for seen, _ in pass_through.seen}) > 1


@pytest.fixture
def filmed(monkeypatch: pytest.MonkeyPatch) -> Item:
    """A recording of anna with a video of four frames; ben's frames are brighter."""
    bright = {"a.mp4": 10, "b.mp4": 100}
    monkeypatch.setattr(
        ours,
        "lips_of",
        lambda path, seen: [(0.04 * k, crop(bright[path.name] + k)) for k in range(4)],
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


def test_a_model_enhances_audio_only_and_with_each_video(filmed: Item, pass_through: Any):
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


def test_the_cost_of_a_model_is_that_of_its_preset_under_its_own_name(
    pass_through: Any, monkeypatch: pytest.MonkeyPatch
):
    asked: list[Any] = []

    def measure(forms: Any, hops: int) -> list[Cost]:
        asked.extend(forms)
        return [Cost("lite onnx", rtf=0.1)]

    monkeypatch.setattr(ours, "measure_costs", measure)
    ours._cost.cache_clear()
    enhancer = Enhancer(runtime=pass_through)
    systems = [ModelSystem(name, enhancer, model="lite", runtime="onnx") for name in ("old", "new")]
    assert [system.cost() for system in systems] == [Cost("old", rtf=0.1), Cost("new", rtf=0.1)]
    assert asked == [("lite", "onnx")]
    assert ModelSystem("made", enhancer).cost() is None
    ours._cost.cache_clear()


@pytest.mark.parametrize("name", ["n1.flac", "n1.noisy.flac"])
def test_a_folder_gives_the_file_of_the_recording(tmp_path: Path, name: str):
    soundfile.write(tmp_path / name, WAVE, 16000, subtype="PCM_24")
    (system,) = [parse_system(f"DFN3={tmp_path}", (), [SimpleNamespace(name="audio", ids=["n1"], videos=[])])]
    assert isinstance(system, FolderSystem)
    (output,) = system.outputs(Item("n1", "noise", 0.0, WAVE, WAVE)).items()
    assert output[0] == "DFN3"
    np.testing.assert_allclose(output[1].wave, WAVE, atol=1e-6)


@pytest.mark.parametrize(("named", "name"), [("", "db=-5"), ("DFN3=", "DFN3"), ("my own=", "my own")])
def test_a_path_may_hold_an_equals_sign(
    tmp_path: Path, named: str, name: str, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "run=2" / "db=-5"
    folder.mkdir(parents=True)
    soundfile.write(folder / "n1.wav", WAVE, 16000)
    monkeypatch.chdir(tmp_path)
    recordings = [SimpleNamespace(name="audio", ids=["n1"], videos=[])]
    for path in (folder, folder.relative_to(tmp_path)):
        system = parse_system(f"{named}{path}", (), recordings)
        assert isinstance(system, FolderSystem)
        assert system.name == name


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


def test_a_model_folder_is_a_system_of_its_own_name(tmp_path: Path):
    folder = lite_folder(tmp_path / "mine")
    for text in (f"lite@{folder}", f"{folder}"):
        system = parse_system(text, (), [])
        assert isinstance(system, ModelSystem)
        assert (system.name, system.model, system.runtime) == ("mine", str(folder), "onnx")
    assert parse_system(f"theirs={folder}:onnx", (), []).name == "theirs"
    with pytest.raises(InputError, match="the folder holds 'lite', not 'base'"):
        parse_system(f"base@{folder}", (), [])


@pytest.mark.parametrize("text", ["org/name@v1.0", "org/name:onnx@v1.0", "pinned=org/name@v1.0"])
def test_a_revision_of_a_model_of_the_hub_is_a_system(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = lite_folder(tmp_path / "cached")
    monkeypatch.setattr(registry, "fetch", {"org/name@v1.0": folder}.__getitem__)
    system = parse_system(text, (), [])
    assert isinstance(system, ModelSystem)
    assert (system.model, system.runtime) == ("org/name@v1.0", "onnx")


def test_what_a_training_left_is_a_system_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from safetensors.torch import load_file, save_file

    from lipstream.models.config import preset
    from lipstream.models.lite_avse import build
    from lipstream.models.parents.semamba import SEMamba, SEMambaConfig
    from lipstream.models.store.folder import form_metadata, kind_metadata
    from lipstream.models.store.registry import weights_file

    parent = SEMamba(SEMambaConfig(hid_feature=8, num_tfmamba=1))
    trained = {
        "stream": (load_file(weights_file("lite")), form_metadata(preset("lite"))),
        "whole": (build("lite", causal=False).state_dict(), form_metadata(preset("lite").offline())),
        "parent": (parent.state_dict(), kind_metadata("semamba", asdict(parent.config))),
    }
    for name, (tensors, metadata) in trained.items():
        (tmp_path / name).mkdir()
        save_file(tensors, tmp_path / name / "best.safetensors", metadata)
    systems = [parse_system(str(tmp_path / name), (), []) for name in trained]
    assert [system.name for system in systems] == list(trained)
    assert [type(system) for system in systems] == [ModelSystem, OfflineSystem, ParentSystem]
    assert isinstance(systems[0], ModelSystem)
    assert systems[0].runtime == "eager"
    assert parse_system(f"semamba@{tmp_path / 'parent'}", (), []).name == "parent"
    monkeypatch.setattr(ours, "_cost", lambda model, runtime: Cost("", model=model, runtime=runtime))
    for system in systems[1:]:
        assert system.cost() == Cost(system.name, model=str(tmp_path / system.name), runtime="offline")
    with pytest.raises(InputError, match="hears whole recordings: it has no runtime 'onnx'"):
        parse_system(f"{tmp_path / 'whole'}:onnx", (), [])


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


def test_a_trained_parent_enhances_whole_recordings(tmp_path: Path):
    from safetensors.torch import save_file

    from lipstream.models.parents.semamba import SEMamba, SEMambaConfig

    net = SEMamba(SEMambaConfig(hid_feature=8, num_tfmamba=1))
    save_file(net.state_dict(), tmp_path / "parent.safetensors")
    system = parse_system(f"semamba@{tmp_path / 'parent.safetensors'}", (), [])
    output = system.outputs(Item("n1", "noise", 0.0, WAVE, WAVE))["parent"].wave
    assert output.shape == WAVE.shape
    assert output.dtype == np.float32
    assert system.cost() is None
    stretched = parse_system(f"semamba:pcs@{tmp_path / 'parent.safetensors'}", (), [])
    assert not np.allclose(stretched.outputs(Item("n1", "noise", 0.0, WAVE, WAVE))["parent"].wave, output)


def test_a_peer_is_a_system_of_its_own_name():
    system = parse_system("suppressor=peer:lite", (), [])
    assert isinstance(system, PeerSystem)
    assert system.name == "suppressor"
    system.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("semamba", "semamba@WEIGHTS"),
        ("peer:my=own.toml", "cannot read the description .my=own.toml"),
        ("peer:krisp", "no peer 'krisp': choose from rnnoise"),
        ("nothing", "unknown model 'nothing'"),
        ("lite:magic", "unknown runtime 'magic'"),
        ("no/such/folder", "unknown model 'no/such/folder'"),
        ("noisy=lite", "neither a folder nor"),
        ("lite:offline", "name them"),
        ("lite:offline@missing.safetensors", "no such weights file"),
        ("lite@missing.safetensors", "no such weights file"),
        ("lite@lr=1/missing.safetensors", "lr=1/missing.safetensors: no such weights file"),
        ("mine=lite@lr=1/missing.safetensors", "lr=1/missing.safetensors: no such weights file"),
        ("lite:onnx@missing", "make a folder of it with lipstream export lite --weights missing"),
        ("lite:magic@x.safetensors", "not 'magic'"),
    ],
)
def test_a_system_that_is_not_there_is_told(text: str, message: str):
    with pytest.raises(InputError, match=message):
        parse_system(text, (), [])
