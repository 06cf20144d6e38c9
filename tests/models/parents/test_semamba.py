"""SEMamba: the published sizes and names, the numbers of the original code, checkpoints, whole recordings."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.parents.inference import (
    analyse,
    enhance_offline,
    pcs_weights,
    perceptual_contrast_stretching,
    synthesise,
)
from lipstream.models.parents.registry import load_parent
from lipstream.models.parents.semamba import SEMamba, SEMambaConfig

SMALL = SEMambaConfig(hid_feature=8, num_tfmamba=2)
TINY = SEMambaConfig(
    hid_feature=4, num_tfmamba=1, d_state=2, d_conv=3, expand=2, n_fft=64, hop_size=16, win_size=64
)


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> Path:
    """The folder with weights, input and output of the original code; skips where it is absent."""
    folder = shared_data.parent / "reference"
    if not (folder / "semamba_golden.npz").is_file():
        pytest.skip("no reference numbers of SEMamba beside the recordings")
    return folder


@pytest.fixture(scope="module")
def golden(reference: Path) -> dict[str, Tensor]:
    with np.load(reference / "semamba_golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def golden_model(golden: dict[str, Tensor]) -> SEMamba:
    model = SEMamba(SMALL).eval()
    weights = {name.removeprefix("w."): value for name, value in golden.items() if name.startswith("w.")}
    model.load_state_dict(weights, strict=True)
    return model


@pytest.fixture
def tiny() -> SEMamba:
    torch.manual_seed(0)
    return SEMamba(TINY).eval()


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Difference of phases, in [0, pi]."""
    return torch.atan2(torch.sin(a - b), torch.cos(a - b)).abs()


def test_published_sizes_names_and_shapes(reference: Path) -> None:
    published = json.loads((reference / "semamba_keys.json").read_text())
    model = SEMamba(SEMambaConfig())
    assert {name: list(value.shape) for name, value in model.state_dict().items()} == published


def test_published_parameter_count() -> None:
    assert sum(parameter.numel() for parameter in SEMamba(SEMambaConfig()).parameters()) == 2_258_769


@torch.no_grad()
def test_forward_gives_the_numbers_of_the_original(golden_model: SEMamba, golden: dict[str, Tensor]) -> None:
    mag, pha, com = golden_model(golden["noisy_mag"][None], golden["noisy_pha"][None])
    assert (mag[0] - golden["out_mag"]).abs().max() < 1e-4
    assert angle_between(pha[0], golden["out_pha"]).max() < 1e-4
    # Relative to the magnitude, which reaches 7: the original's own rounding moves `com` by 1e-4.
    scale = golden["out_mag"].clamp(min=1.0)[..., None]
    assert ((com[0] - golden["out_com"]).abs() / scale).max() < 1e-4


def test_analysis_gives_the_spectrum_of_the_original(golden: dict[str, Tensor]) -> None:
    wave = golden["noisy"][None]
    mag, pha = analyse(wave / wave.square().mean().sqrt(), SMALL)
    torch.testing.assert_close(mag[0], golden["noisy_mag"], rtol=1e-4, atol=1e-4)
    assert angle_between(pha[0], golden["noisy_pha"]).max() < 1e-4


def test_synthesis_gives_the_wave_of_the_original(golden: dict[str, Tensor]) -> None:
    rms = golden["noisy"].square().mean().sqrt()
    wave = synthesise(golden["out_mag"][None], golden["out_pha"][None], SMALL, 8000) * rms
    torch.testing.assert_close(wave[0], golden["enhanced"], rtol=0, atol=1e-5)


def test_a_whole_recording_comes_out_as_from_the_original(
    golden_model: SEMamba, golden: dict[str, Tensor]
) -> None:
    """The first frame is mirror-symmetric, so the sign of its phases of pi is rounding noise, which the
    network spreads over the frames that follow: the end of the recording is compared."""
    enhanced = enhance_offline(golden_model, golden["noisy"][None])[0, 6000:]
    expected = golden["enhanced"][6000:]
    assert (enhanced - expected).square().sum() < 1e-4 * expected.square().sum()


def test_a_checkpoint_comes_back_with_its_sizes_and_weights(tiny: SEMamba, tmp_path: Path) -> None:
    path = tmp_path / "g_00000000.pth"
    torch.save({"generator": tiny.state_dict()}, path)
    loaded = load_parent("semamba", path)
    assert loaded.config == TINY
    assert not loaded.training
    for name, value in tiny.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_weights_of_a_training_run_load_as_a_checkpoint_does(tiny: SEMamba, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_file(tiny.state_dict(), path)
    loaded = load_parent("semamba", path)
    for name, value in tiny.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match="no checkpoint of torch weights"):
        load_parent("semamba", path)


class Unsafe:
    """Something that a weights-only load must not build."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"RIFF....WAVEfmt ", "no checkpoint of torch weights"),
        (b"", "no checkpoint of torch weights"),
        ({"generator": Unsafe()}, "no checkpoint of torch weights"),
        ({"model": {}}, "under the key 'generator'"),
        ([1, 2], "under the key 'generator'"),
        ({"generator": {"a": 1}}, "under the key 'generator'"),
        ({"generator": {}}, "another model"),
        ({"generator": {"conv.weight": torch.zeros(2)}}, "another model"),
    ],
)
def test_other_files_are_refused_in_one_line(content: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=message) as caught:
        load_parent("semamba", path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_with_a_tensor_missing_or_misshapen_is_refused(tiny: SEMamba, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    weights = dict(tiny.state_dict())
    removed = weights.pop("mask_decoder.mask_conv.0.bias")
    torch.save({"generator": weights}, path)
    with pytest.raises(InputError, match="another model"):
        load_parent("semamba", path)
    torch.save({"generator": weights | {"mask_decoder.mask_conv.0.bias": removed[:1]}}, path)
    with pytest.raises(InputError, match="another model"):
        load_parent("semamba", path)


def test_a_missing_checkpoint_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(InputError, match="cannot read the checkpoint"):
            load_parent("semamba", path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hid_feature": 0}, "hid_feature"),
        ({"num_tfmamba": -1}, "num_tfmamba"),
        ({"n_fft": 402, "win_size": 400}, "multiple of 4"),
        ({"hop_size": 300}, "hop_size 300"),
        ({"win_size": 512}, "win_size 512"),
        ({"compress_factor": 0.0}, "compress_factor"),
        ({"compress_factor": 1.5}, "compress_factor"),
        ({"beta": 0.0}, "beta"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SEMambaConfig(), **change)


def test_level_length_and_batch_are_kept(tiny: SEMamba) -> None:
    wave = torch.randn(2, 1003, generator=torch.Generator().manual_seed(1)) * torch.tensor([[0.1], [0.01]])
    enhanced = enhance_offline(tiny, wave)
    assert enhanced.shape == wave.shape
    assert not enhanced.requires_grad
    torch.testing.assert_close(enhance_offline(tiny, 4 * wave), 4 * enhanced, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(enhance_offline(tiny, wave[1:]), enhanced[1:], rtol=1e-3, atol=1e-6)


def test_silence_stays_silent(tiny: SEMamba) -> None:
    for pcs in (False, True):
        assert torch.equal(enhance_offline(tiny, torch.zeros(1, 500), pcs), torch.zeros(1, 500))


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (torch.zeros(500), r"shape \[B, N\]"),
        (torch.zeros(1, 32), "N >= 33"),
        (torch.full((1, 500), float("nan")), "NaN"),
        (torch.full((1, 500), float("inf")), "NaN"),
    ],
)
def test_waves_it_cannot_take_are_refused(tiny: SEMamba, wave: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        enhance_offline(tiny, wave)


def test_the_contrast_weights_are_the_published_ones() -> None:
    weights = pcs_weights()
    assert weights.shape == (201,)
    for first, last, weight in (
        (0, 2, 1.0),
        (3, 4, 1.070175439),
        (5, 7, 1.18245614),
        (8, 9, 1.287719298),
        (10, 109, 1.4),
        (110, 129, 1.322807018),
        (130, 159, 1.238596491),
        (160, 189, 1.161403509),
        (190, 200, 1.077192982),
    ):
        torch.testing.assert_close(weights[first : last + 1], torch.full((last - first + 1,), weight))


def test_contrast_stretching_lifts_strong_bins_over_weak_ones_and_keeps_the_peak() -> None:
    time = torch.arange(8000) / 16000
    tones = {40: 0.5, 1000: 0.5}  # Hz: bins 1 (weight 1) and 25 (weight 1.4)
    wave = torch.stack([gain * torch.sin(2 * torch.pi * hz * time) for hz, gain in tones.items()]).sum(0)[
        None
    ]
    stretched = perceptual_contrast_stretching(wave)
    torch.testing.assert_close(stretched.abs().max(), wave.abs().max())
    before, after = (torch.fft.rfft(signal[0]).abs() for signal in (wave, stretched))
    low, high = 20, 500  # in steps of 2 Hz
    assert after[high] / after[low] > 3 * before[high] / before[low]


def test_contrast_stretching_follows_the_enhancement(tiny: SEMamba) -> None:
    wave = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1)) * 0.1
    expected = perceptual_contrast_stretching(enhance_offline(tiny, wave))
    assert torch.equal(enhance_offline(tiny, wave, pcs=True), expected)
