"""Configurations: what fits together is accepted, what does not is refused with the fix."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from lipstream.errors import InputError
from lipstream.models.config import (
    PRESETS,
    BandCodecConfig,
    BandRegion,
    MixerConfig,
    ModelConfig,
    StftConfig,
    VisualConfig,
    preset,
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hop": 0}, "multiple of hop"),
        ({"hop": 150}, "multiple of hop 150"),
        ({"hop": 400}, "at least twice as long"),
        ({"window": 9, "hop": 3}, "window 9 must be even"),
        ({"compression": 0.0}, "above 0"),
        ({"compression": 1.1}, "at most 1"),
        ({"sample_rate": 0}, "at least 1 Hz"),
    ],
)
def test_a_transform_that_cannot_come_back_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StftConfig(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"version": 3}, "use 1 or 2"),
        ({"d_state": 0}, "at least 1"),
        ({"d_conv": 0}, "at least 1"),
        ({"expand": 0}, "at least 1"),
        ({"head_size": 0}, "at least 1"),
        ({"version": 1, "shared_directions": True}, "needs version 2"),
    ],
)
def test_a_mixer_that_does_not_exist_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MixerConfig(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"features": 0},
        {"taps": 0},
        {"regions": ()},
        {"regions": (BandRegion(0, 4),)},
        {"regions": (BandRegion(4, 0),)},
    ],
)
def test_a_band_codec_without_bands_or_taps_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"at least 1"):
        BandCodecConfig(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder": "resnet"}, "choose one of mobilenet, conv3d"),
        ({"vce": False}, "smoothing needs the VCE"),
        ({"fsvg": False}, "frequency_prior needs the FSVG"),
        ({"embedding_size": 0}, "embedding_size"),
        ({"lips_size": 1}, "lips_size"),
        ({"encoder": "landmarks"}, "gives a cue: embedding_size must be 10"),
    ],
)
def test_a_visual_path_that_does_not_exist_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VisualConfig(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": 0}, "at least 1"),
        ({"num_blocks": 0}, "at least 1"),
        ({"codec": "mel"}, "choose one of dense, separable, band"),
        ({"stft": StftConfig(window=512, hop=256)}, "change the regions or the window"),
        ({"visual": VisualConfig()}, "the voice gate takes a cue of landmarks"),
        ({"channels": 30}, "head_size 16 must divide .* 60"),
        ({"frequency": MixerConfig(version=2, head_size=24)}, "head_size 24 must divide .* 128"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(preset("lite"), **values)


def test_head_size_does_not_bind_version_1() -> None:
    config = replace(preset("parent"), channels=30)
    assert config.time.version == 1
    assert config.channels == 30


def test_presets_are_those_of_the_design() -> None:
    assert list(PRESETS) == ["parent", "base", "lite"]
    for name, config in PRESETS.items():
        assert preset(name) is config
        assert config.name == name
        assert config.causal
        assert config.stft.sample_rate == 16000
        assert config.stft.window <= 0.025 * config.stft.sample_rate


def test_an_unknown_preset_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="unknown model 'tiny': choose one of parent, base, lite"):
        preset("tiny")


def test_the_offline_form_differs_in_nothing_but_direction() -> None:
    config = preset("lite")
    offline = config.offline()
    assert not offline.causal
    assert replace(offline, causal=True) == config


@pytest.mark.parametrize("name", [name for name, config in PRESETS.items() if config.gate is None])
def test_a_model_without_parts_of_its_fusion_differs_in_nothing_else(name: str) -> None:
    config = preset(name)
    assert config.without() == config
    bare = config.without("vce", "fsvg")
    assert bare == config.without("fsvg").without("vce")
    parts = ("vce", "smoothing", "fsvg", "frequency_prior")
    assert not any(getattr(bare.visual, part) for part in parts)
    assert replace(bare, visual=config.visual) == config


def test_a_part_that_there_is_not_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="a model has no part 'lips': choose one of vce, fsvg"):
        preset("base").without("vce", "lips")


def test_a_voice_gate_has_no_parts_to_leave_out() -> None:
    assert preset("lite").without() == preset("lite")
    with pytest.raises(InputError, match="'lite' has a voice gate and no fusion"):
        preset("lite").without("vce")


def test_bins_and_frames_follow_from_the_window_and_hop() -> None:
    stft = StftConfig(window=400, hop=100)
    assert stft.bins == 201
    assert stft.frames_per_second == 160.0


def test_bands_are_counted_over_all_regions() -> None:
    band = BandCodecConfig(regions=(BandRegion(2, 5), BandRegion(4, 3)))
    assert band.bands == 8
    assert band.covered_bins == 22


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        preset("lite").channels = 64  # type: ignore[misc]


def test_a_model_starts_from_the_published_transform_but_for_its_hop() -> None:
    config = ModelConfig("own", 16, 1, "band", MixerConfig(), MixerConfig())
    assert (config.stft.window, config.stft.hop, config.stft.compression) == (400, 200, 0.3)


def test_a_model_without_its_gate_sees_crops_and_without_its_memory_has_none() -> None:
    lite = preset("lite")
    assert lite.without("memory") == replace(lite, memory=None)
    assert lite.without("gate") == replace(lite, gate=None, visual=VisualConfig())
    assert lite.without("gate", "vce").visual == VisualConfig(vce=False, smoothing=False)
