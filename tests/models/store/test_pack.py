"""Model folders as they are written: complete, whole, and the same model on every runtime."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lipstream.errors import InputError
from lipstream.models.config import BandCodecConfig, BandRegion, MixerConfig, ModelConfig, VisualConfig
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.parents.semamba import SEMamba, SEMambaConfig
from lipstream.models.store.card import TRAINING_KEY
from lipstream.models.store.checkpoint import blend, load_model
from lipstream.models.store.folder import (
    CARD,
    CONFIG,
    RUN_WEIGHTS,
    WEIGHTS,
    describe,
    form_metadata,
    kind_metadata,
    read_metadata,
)
from lipstream.models.store.pack import export, write_folder

MIXER = MixerConfig(version=2, expand=2, d_state=4, head_size=4)
#: No preset, and not of the sizes of one.
OWN = ModelConfig(
    name="own",
    channels=4,
    num_blocks=1,
    codec="band",
    time=MIXER,
    frequency=MixerConfig(version=2, expand=2, d_state=4, head_size=4, shared_directions=True),
    band=BandCodecConfig(features=4, regions=(BandRegion(10, 20),), taps=1),
    visual=VisualConfig(embedding_size=8, lips_size=32),
)
TRAINING = {
    "preset": "own",
    "steps": 70,
    "heard_h": 0.5,
    "started_from_weights": False,
    "hours": {"speech": 1.5, "noise": 2.0},
    "licences": ["CC-BY-4.0", "CC0"],
}


def net_of(config: ModelConfig, seed: int = 0) -> LiteAVSEMamba:
    torch.manual_seed(seed)
    return LiteAVSEMamba(config).eval()


def training(folder: Path, config: ModelConfig, seed: int = 0) -> Path:
    """The folder of a training."""
    folder.mkdir()
    metadata = form_metadata(config) | {
        "recipe": '{"data": "somebody/here"}',
        "scores": '{"val_sound_pesq": 2.25, "val_sound_stoi": null}',
        TRAINING_KEY: json.dumps(TRAINING),
    }
    save_file(net_of(config, seed).state_dict(), folder / RUN_WEIGHTS, metadata)
    return folder


def test_a_card_says_what_is_known_and_nothing_of_the_machine(tmp_path: Path) -> None:
    run, out = training(tmp_path / "run", OWN.offline()), tmp_path / "listener"
    assert [path.name for path in export(str(run), None, out)] == [WEIGHTS, CARD, CONFIG]
    card = (out / CARD).read_text()
    for said in (
        "# listener",
        "whole recordings",
        "70 steps",
        "1.5 h of speech",
        "CC-BY-4.0, CC0",
        "| PESQ-WB | 2.25 |",
    ):
        assert said in card
    assert "STOI" not in card
    assert "somebody/here" not in card + json.dumps(read_metadata(out / WEIGHTS))
    (out / CARD).write_text("mine")
    export(str(out), None, out)
    assert (out / CARD).read_text() == "mine"
    for name, value in load_file(run / RUN_WEIGHTS).items():
        assert torch.equal(load_file(out / WEIGHTS)[name], value)


def test_the_parent_has_folders_too(tmp_path: Path) -> None:
    net, run, out = SEMamba(SEMambaConfig(hid_feature=8, num_tfmamba=1)), tmp_path / "run", tmp_path / "out"
    run.mkdir()
    save_file(net.state_dict(), run / RUN_WEIGHTS, kind_metadata("semamba", asdict(net.config)))
    export(str(run), None, out)
    assert describe(out).table["hid_feature"] == 8
    export("semamba", run / RUN_WEIGHTS, tmp_path / "other")
    assert describe(tmp_path / "other").kind == "semamba"
    with pytest.raises(InputError, match="no weights ship with semamba"):
        export("semamba", None, out)


def test_weights_go_with_a_folder_and_folders_are_blended(tmp_path: Path) -> None:
    one, two = training(tmp_path / "one", OWN), training(tmp_path / "two", OWN, seed=1)
    loaded = load_model(one, two / RUN_WEIGHTS).state_dict()
    expected = [load_model(folder).state_dict() for folder in (one, two)]
    assert all(torch.equal(value, expected[1][name]) for name, value in loaded.items())
    blend(str(one), [one, two], tmp_path / "mean.safetensors")
    for name, value in load_model(one, tmp_path / "mean.safetensors").state_dict().items():
        torch.testing.assert_close(value, (expected[0][name] + expected[1][name]) / 2)


def test_a_folder_whose_weights_have_other_shapes_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(net_of(OWN.offline()), {}, out)
    content = json.loads((out / CONFIG).read_text())
    content["model"]["channels"] = 8
    (out / CONFIG).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.safetensors does not fit preset 'own': size mismatch"):
        export(str(out), None, tmp_path / "again")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot write to .*; choose another --out-dir"):
        write_folder(net_of(OWN.offline()), {}, tmp_path / "file" / "out")
