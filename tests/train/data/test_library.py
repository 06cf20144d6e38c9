"""What a recipe names as its data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora import tables
from lipstream.train.data.corpus import read_library
from lipstream.train.data.manifest import Item, Manifest, write_manifest
from lipstream.train.mixing.batches import read_sources
from lipstream.train.recipe import Recipe, load_recipe


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Noise under three licences, and some for tests."""
    rows = [
        Item("noise", f"{name}.wav", "n", licence=name) for name in ("CC0", "GPL-2.0", "research, A. Name")
    ]
    write_manifest(
        Manifest("n", tmp_path, (*rows, Item("noise", "t.wav", "n", split="test"))), tmp_path / "n.jsonl"
    )
    return tmp_path / "n.jsonl"


def test_test_material_is_never_seen(manifest: Path) -> None:
    (found,) = read_library(str(manifest))
    assert [item.file for item in found.items] == ["CC0.wav", "GPL-2.0.wav", "research, A. Name.wav"]


def test_licences_are_excluded_by_a_part_of_their_name(manifest: Path) -> None:
    (found,) = read_library(str(manifest), ("gpl", "Research"))
    assert [item.licence for item in found.items] == ["CC0"]


def test_folders_and_manifests_go_together(manifest: Path, data: Path) -> None:
    folder, listed = read_library((str(data), str(manifest)))
    assert folder.root == data
    assert len(folder.items) == 9
    assert listed.corpus == "n"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((), "data names nothing to train on"),
        ("none.jsonl", "none.jsonl: no such manifest; make one with lipstream data"),
        ("nowhere", r"nowhere.train.speech.csv is missing"),
    ],
)
def test_data_that_is_not_there_is_told(place: str | tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_library(place)


def test_a_recipe_names_one_or_several(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('data = ["a.jsonl", "folder"]\nexclude_licences = ["GPL"]')
    recipe = load_recipe(path)
    assert (recipe.data, recipe.exclude_licences) == (("a.jsonl", "folder"), ("GPL",))
    path.write_text('data = "folder"')
    assert load_recipe(path).data == "folder"
    path.write_text("data = [3]")
    with pytest.raises(InputError, match="data must be a string or an array of strings, not"):
        load_recipe(path)


def test_a_manifest_of_a_folder_trains_as_the_folder_does(
    make_recipe: Callable[..., Recipe], data: Path, tmp_path: Path
) -> None:
    write_manifest(tables.ADAPTER.read(data), tmp_path / "m.jsonl")
    recipe = make_recipe()
    by_folder, by_manifest = (
        read_sources(one, tmp_path / "cache")
        for one in (recipe, replace(recipe, data=(str(tmp_path / "m.jsonl"),)))
    )
    for one, other in zip(by_folder, by_manifest, strict=True):
        for step in range(5):
            assert one.draw(1, 1, step).noisy.equal(other.draw(1, 1, step).noisy)


def test_what_a_manifest_holds_out_is_for_validation(
    make_recipe: Callable[..., Recipe], data: Path, tmp_path: Path
) -> None:
    listed = tables.ADAPTER.read(data)
    turned = tuple(
        replace(item, split="valid" if item.source == "fan" or item.speaker == "mini/ls5" else "train")
        for item in listed.items
    )
    write_manifest(replace(listed, items=turned), tmp_path / "m.jsonl")
    recipe = make_recipe(data=str(tmp_path / "m.jsonl"), held_out_noise=())
    training, validation = (source.mixer for source in read_sources(recipe, tmp_path / "cache"))
    assert {clip.group for clip in training.speech_by_source["mini"]} == {"mini/ls4", "mini/ls6"}
    assert {clip.group for clip in validation.speech_by_source["mini"]} == {"mini/ls5"}
    assert [clip.source for clips in training.noise_by_source for clip in clips] == ["noisekun"]
    assert [clip.source for clips in validation.noise_by_source for clip in clips] == ["fan"]
