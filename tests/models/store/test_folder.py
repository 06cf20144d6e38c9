"""Model folders: which one is meant by a name, and what is said of those that cannot be used. Torch-free."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lipstream.errors import InputError
from lipstream.models.config import preset
from lipstream.models.store import hub, registry
from lipstream.models.store.folder import (
    CONFIG,
    RUN_WEIGHTS,
    WEIGHTS,
    check_file,
    describe,
    form_metadata,
    kind_metadata,
)
from lipstream.models.store.registry import find_model, has_graphs, hears_whole, require_file, weights_file
from tests.model_folders import lite_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder ``mine`` in the working directory."""
    monkeypatch.chdir(tmp_path)
    return lite_folder(tmp_path / "mine")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks the Hub fails."""

    def fetch(name: str) -> Path:
        raise AssertionError(f"the Hub was asked for {name}")

    monkeypatch.setattr(registry, "fetch", fetch)


def test_a_folder_says_all_of_its_model(folder: Path) -> None:
    found = find_model("mine")
    assert found.config == preset("lite")
    assert found.weights == Path("mine") / WEIGHTS
    assert [path.name for path in found.graphs] == ["model.onnx", "model-cue.onnx", "model-gate.onnx"]
    assert has_graphs(folder)
    for path in (found.weights, *found.graphs):
        assert require_file(path, "mine") == path


def test_a_preset_wins_over_a_folder_and_a_folder_over_an_id_of_the_hub(folder: Path) -> None:
    folder.rename("lite")
    assert find_model("lite").weights == weights_file("lite") != Path("lite") / WEIGHTS
    assert find_model("./lite").weights == Path("lite") / WEIGHTS
    Path("org").mkdir()
    Path("lite").rename("org/name")
    assert find_model("org/name").weights == Path("org/name") / WEIGHTS
    with pytest.raises(AssertionError, match="asked for org/other"):
        find_model("org/other")


@pytest.mark.parametrize(
    "name", ["nothing", "./org/name", "/org/name", "org/name/more", "../name", "lite@v1", "org/name@", ""]
)
def test_what_is_no_id_of_the_hub_is_an_unknown_model(name: str, folder: Path) -> None:
    with pytest.raises(InputError, match=r"unknown model '.*': choose one of .*a model folder, or an id of"):
        find_model(name)
    assert not hub.is_hub_id(name)


def changed(**values: Any) -> Callable[[Path], None]:
    """Damage to keys of ``config.json``."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(content | values))

    return damage


def _other_shape(folder: Path) -> None:
    content = json.loads((folder / CONFIG).read_text())
    content["model"]["channels"] = 48
    (folder / CONFIG).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda folder: (folder / WEIGHTS).unlink(),
            "has no model.safetensors: make it with",
        ),
        (
            lambda folder: (folder / WEIGHTS).write_bytes(b"half"),
            "is damaged .it is not what config",
        ),
        (lambda folder: (folder / CONFIG).write_text("{"), "config.json' is damaged"),
        (lambda folder: (folder / CONFIG).write_text("[]"), "is no model folder of lipstream"),
        (changed(format="other"), "is no model folder of lipstream"),
        (changed(version=2), "version 2 of model folders and this lipstream reads 1: update lipstream"),
        (changed(kind="diffusion"), "does not say what model it is of"),
        (changed(model={"name": "x"}), "is damaged: a key is missing"),
        (changed(model={"name": "x", "width": 3}), "is damaged: unknown key 'width'"),
        (lambda folder: (folder / CONFIG).unlink(), "is no model folder, it has no config.json"),
    ],
)
def test_a_damaged_folder_gets_one_clear_line(
    damage: Callable[[Path], None], told: str, folder: Path
) -> None:
    damage(folder)
    with pytest.raises(InputError, match=told) as error:
        require_file(find_model("mine").weights, "mine")
    assert "\n" not in str(error.value)


def test_a_file_of_weights_is_no_model(folder: Path) -> None:
    with pytest.raises(InputError, match="is a file, and a model is a folder: make one with"):
        find_model(f"mine/{WEIGHTS}")


def test_the_folder_of_a_training_is_a_model_without_graphs(tmp_path: Path) -> None:
    weights = tmp_path / RUN_WEIGHTS
    config = preset("lite").without("memory")
    save_file(load_file(weights_file("lite")), weights, form_metadata(config))
    found = find_model(tmp_path)
    assert (found.config, found.weights) == (config, weights)
    assert not has_graphs(tmp_path)
    with pytest.raises(InputError, match=r"has no model\.onnx: make it with lipstream export .* or use the"):
        check_file(found.graphs[0])


def test_weights_of_before_are_told_how_to_become_a_folder(tmp_path: Path) -> None:
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / RUN_WEIGHTS, {"lipstream": '{"preset": "base"}'})
    with pytest.raises(InputError, match=r"earlier lipstream: lipstream export base --weights"):
        describe(tmp_path)
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / RUN_WEIGHTS, {"lipstream": "{"})
    with pytest.raises(InputError, match="metadata 'lipstream' is damaged"):
        describe(tmp_path)


def test_what_hears_whole_recordings_is_no_stream(tmp_path: Path) -> None:
    forms = {
        "semamba": kind_metadata("semamba", {"hid_feature": 8}),
        "offline": form_metadata(preset("lite").offline()),
    }
    for name, metadata in forms.items():
        (tmp_path / name).mkdir()
        save_file({"a": np.zeros(1, np.float32)}, tmp_path / name / RUN_WEIGHTS, metadata)
        assert hears_whole(tmp_path / name)
        with pytest.raises(InputError, match=r"whole recordings: use it with lipstream .*evaluate --system"):
            find_model(tmp_path / name)
    assert hears_whole("semamba")
    assert not hears_whole("lite")
