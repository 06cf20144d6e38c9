"""Weights joined of parts: what comes of which file, and what is refused before anything is written."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lipstream.cli import main
from lipstream.errors import InputError
from lipstream.models.config import VisualConfig, preset
from lipstream.models.lips.landmarks import LandmarkVisualEncoder
from lipstream.models.lips.voice_gate import VoiceGate
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.checkpoint import load_model
from lipstream.models.store.folder import read_metadata
from lipstream.models.store.join import join_weights
from lipstream.models.store.landmark_weights import load_encoder, read_about, save_encoder
from lipstream.models.store.registry import weights_file

LITE = preset("lite")


@pytest.fixture
def with_crops(tmp_path: Path) -> Path:
    """Weights of `lite` as it was with lip crops, all random."""
    torch.manual_seed(1)
    old = replace(LITE, gate=None, visual=VisualConfig())
    save_file(LiteAVSEMamba(old).state_dict(), tmp_path / "crops.safetensors")
    return tmp_path / "crops.safetensors"


def sound_of(file: Path) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in load_file(file).items()
        if not name.startswith(("visual.", "gate.", "fusion."))
    }


def assert_equal(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_each_part_comes_from_its_own_file(with_crops: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    assert LITE.gate is not None
    encoder, gate = LandmarkVisualEncoder(LITE.visual.landmarks), VoiceGate(LITE.gate, LITE.band, LITE.stft)
    save_encoder(encoder, tmp_path / "cue.safetensors", {"clips": 7})
    save_file(gate.state_dict(), tmp_path / "gate.safetensors", {"lipstream-gate": "how it learnt"})
    out = tmp_path / "joined.safetensors"
    join_weights("lite", with_crops, tmp_path / "cue.safetensors", tmp_path / "gate.safetensors", out)
    net = load_model("lite", out)
    assert net.gate is not None
    assert_equal(sound_of(out), sound_of(with_crops))
    assert_equal(net.visual.state_dict(), encoder.state_dict())
    assert_equal(net.gate.state_dict(), gate.state_dict())
    assert_equal(load_encoder(out).state_dict(), encoder.state_dict())
    assert read_about(out)["about"] == {"clips": 7}
    assert read_metadata(out)["lipstream-gate"] == "how it learnt"


def test_what_is_not_named_is_what_ships(with_crops: Path, tmp_path: Path) -> None:
    out, shipped = tmp_path / "joined.safetensors", load_file(weights_file("lite"))
    assert main(["cue", "join", "lite", "--sound", str(with_crops), "--out", str(out)]) == 0
    assert_equal(load_file(out), shipped | sound_of(with_crops))
    assert read_about(out) == read_about()


def test_what_does_not_fit_is_refused_and_nothing_written(with_crops: Path, tmp_path: Path) -> None:
    out = tmp_path / "joined.safetensors"
    for part, message in (
        ("cue", r"visual\..* is missing, unknown"),
        ("gate", r"gate\..* is missing, unknown"),
    ):
        files = {"sound": None, "cue": None, "gate": None} | {part: with_crops}
        with pytest.raises(InputError, match=message):
            join_weights("lite", **files, out=out)
    with pytest.raises(InputError, match="no such weights file"):
        join_weights("lite", tmp_path / "none", None, None, out)
    with pytest.raises(InputError, match="'base' has no voice gate"):
        join_weights("base", None, None, None, out)
    with pytest.raises(InputError, match="cannot write"):
        join_weights("lite", None, None, None, tmp_path / "no" / "out.safetensors")
    assert not out.exists()


def test_weights_with_crops_name_the_way_out(with_crops: Path) -> None:
    with pytest.raises(
        InputError, match="its lips are those of crops, keep its sound with lipstream cue join"
    ):
        load_model("lite", with_crops)
