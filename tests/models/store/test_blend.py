"""Means of weights, and lips turned down: what comes out, and what is refused before anything is written."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lipstream.cli import main
from lipstream.errors import InputError
from lipstream.models.config import preset
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.checkpoint import blend, load_model
from lipstream.models.store.folder import form_metadata
from lipstream.models.store.registry import weights_file


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three sets of random weights of `base`."""
    paths = []
    for seed in range(3):
        torch.manual_seed(seed)
        paths.append(tmp_path / f"{seed}.safetensors")
        save_file(LiteAVSEMamba(preset("base")).state_dict(), paths[-1], form_metadata(preset("base")))
    return paths


def test_the_mean_is_that_of_each_number_and_keeps_the_form(files: list[Path], tmp_path: Path) -> None:
    blend("base", files, tmp_path / "mean.safetensors")
    one, two, three = map(load_file, files)
    mean = load_file(tmp_path / "mean.safetensors")
    assert list(mean) == list(one)
    for name, value in mean.items():
        torch.testing.assert_close(value, (one[name] + two[name] + three[name]) / 3)
    with safe_open(tmp_path / "mean.safetensors", framework="pt") as opened:
        assert json.loads(opened.metadata()["lipstream"])["preset"] == "base"
    assert [path.name for path in tmp_path.iterdir() if "mean" in path.name] == ["mean.safetensors"]


def test_a_file_that_is_named_twice_counts_twice(files: list[Path], tmp_path: Path) -> None:
    blend("base", [files[0], files[1], files[0]], tmp_path / "mean.safetensors")
    one, two = map(load_file, files[:2])
    for name, value in load_file(tmp_path / "mean.safetensors").items():
        torch.testing.assert_close(value, (2 * one[name] + two[name]) / 3)


def fused(file: Path) -> tuple[Tensor, Tensor, Tensor]:
    """What the lips add, alpha, and the output without lips."""
    model = load_model("base", file)
    generator = torch.Generator().manual_seed(3)
    config, bands = model.config, load_file(file)["fusion.fsvg.prior"].numel()
    audio = torch.randn(1, config.channels, 5, bands, generator=generator)
    embedding = torch.randn(1, 5, config.visual.embedding_size, generator=generator)
    assert model.fusion is not None
    with torch.no_grad():
        out, alpha, _ = model.fusion(audio, embedding, torch.zeros(1, 5), model.fusion.init_state(1))
        blind, _, _ = model.fusion(audio, embedding, torch.full((1, 5), 9.0), model.fusion.init_state(1))
    return out - audio, alpha, blind - audio


def test_lips_are_turned_down_and_nothing_else_changes(files: list[Path], tmp_path: Path) -> None:
    blend("base", files[:1], tmp_path / "less.safetensors", lips=0.6)
    (added, alpha, _), (less, same, nothing) = fused(files[0]), fused(tmp_path / "less.safetensors")
    assert added.abs().max() > 0.01
    torch.testing.assert_close(less, 0.6 * added, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(same, alpha)
    assert not nothing.any()


def test_what_does_not_fit_is_refused_and_nothing_written(files: list[Path], tmp_path: Path) -> None:
    tensors = load_file(files[0])
    other = tmp_path / "other.safetensors"
    save_file({name: value for name, value in tensors.items() if "time_linear" not in name}, other)
    ablated = tmp_path / "ablated.safetensors"
    kept = {name: value for name, value in tensors.items() if ".fsvg." not in name}
    save_file(kept, ablated, form_metadata(preset("base").without("fsvg")))
    out = tmp_path / "out.safetensors"
    for given, message in (
        ([files[0], other], "does not fit preset 'base'"),
        ([files[0], tmp_path / "none"], "no such weights file"),
        ([files[0], ablated], "holds another form of 'base'"),
    ):
        with pytest.raises(InputError, match=message):
            blend("base", given, out)
    for lips in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="lips must be above 0"):
            blend("base", files, out, lips)
    with pytest.raises(InputError, match="cannot write"):
        blend("base", files, tmp_path / "no" / "out.safetensors")
    assert not out.exists()


def test_the_command_names_its_file_and_replaces_none_but_its_own(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    assert main(["blend", "base", *map(str, files), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert main(["blend", "base", str(files[0]), "--out", str(out)]) == 2
    assert "exists: name another --out" in capsys.readouterr().err
    before = load_file(out)["fusion.projection.weight"]
    assert main(["blend", "base", str(out), "--lips", "0.5", "--out", str(out)]) == 0  # a touch on itself
    torch.testing.assert_close(load_file(out)["fusion.projection.weight"], 0.5 * before)


def test_lips_that_may_only_take_away_cannot_be_turned(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="may only take away"):
        blend("lite", [weights_file("lite")], tmp_path / "out.safetensors", lips=0.5)
    blend("lite", [weights_file("lite")], tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", framework="pt") as opened:
        assert set(opened.metadata()) == {"lipstream", "lipstream-cue", "lipstream-gate"}
