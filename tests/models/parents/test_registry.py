"""The parents by name: each is made, loaded from its weights, and refused another's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lipstream.errors import InputError
from lipstream.models.parents.mpsenet_mamba import SMALL
from lipstream.models.parents.registry import PARENTS, find_parent, load_parent
from lipstream.models.store.folder import PARENTS as KINDS

STFT: Mapping[str, Any] = {"n_fft": 64, "hop_size": 16, "win_size": 64}
TINY: Mapping[str, Mapping[str, Any]] = {
    "semamba": {"hid_feature": 4, "num_tfmamba": 1, "d_state": 2, "expand": 2},
    "mpsenet": {"channels": 8, "num_blocks": 2},
    "mpsenet-mamba": {"channels": 8, "num_shared_blocks": 2, "num_branch_blocks": 1},
}


def make(name: str, **fields: Any) -> Any:
    torch.manual_seed(0)
    return PARENTS[name].model(PARENTS[name].config(**STFT, **TINY[name], **fields)).eval()


def saved(model: Any, path: Path) -> Path:
    torch.save({"generator": model.state_dict()}, path)
    return path


@pytest.mark.parametrize("name", PARENTS)
def test_weights_come_back_with_their_sizes(name: str, tmp_path: Path) -> None:
    model = make(name)
    save_file(model.state_dict(), tmp_path / "best.safetensors")
    for path in (saved(model, tmp_path / "g_best"), tmp_path / "best.safetensors"):
        loaded: Any = load_parent(name, path)
        assert loaded.config == model.config
        assert not loaded.training
        for key, value in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[key], value), key


def test_the_small_variant_is_told_from_its_weights(tmp_path: Path) -> None:
    fields = {"phase_blocks": SMALL.phase_blocks, "shared_mixer": SMALL.shared_mixer}
    model = make("mpsenet-mamba", **fields)
    assert load_parent("mpsenet-mamba", saved(model, tmp_path / "small.pt")).config == model.config


@pytest.mark.parametrize("name", PARENTS)
def test_weights_of_another_parent_are_refused(name: str, tmp_path: Path) -> None:
    path = saved(make(name), tmp_path / "g_best")
    for other in PARENTS.keys() - {name}:
        with pytest.raises(InputError, match=f"another model, not of {PARENTS[other].title}"):
            load_parent(other, path)


def test_an_unknown_parent_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="unknown parent 'conv-tasnet': choose one of semamba, mpsenet"):
        find_parent("conv-tasnet")


def test_each_parent_is_a_kind_of_model_folder() -> None:
    assert tuple(PARENTS) == KINDS
