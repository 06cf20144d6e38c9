"""Weights that fit a preset, weights it grows from, and weights that are refused with one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.config import (
    PRESETS,
    BandCodecConfig,
    BandRegion,
    MemoryConfig,
    MixerConfig,
    ModelConfig,
    VisualConfig,
)
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.checkpoint import grow_model, load_model

MIXER = MixerConfig(version=2, expand=2, d_state=4, head_size=4)
WITHOUT_MEMORY = ModelConfig(
    name="small",
    channels=4,
    num_blocks=2,
    codec="band",
    time=MIXER,
    frequency=replace(MIXER, shared_directions=True),
    band=BandCodecConfig(features=4, regions=(BandRegion(10, 20),), taps=1),
    visual=VisualConfig(embedding_size=8, lips_size=32),
)


@pytest.fixture(autouse=True)
def with_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset ``small``, whose blocks have a memory."""
    memory = MemoryConfig(features=2, channels=8, mixer=MIXER)
    monkeypatch.setitem(PRESETS, "small", replace(WITHOUT_MEMORY, memory=memory))


@pytest.fixture
def old() -> LiteAVSEMamba:
    """A model without memory, whose weights are all random."""
    torch.manual_seed(0)
    net = LiteAVSEMamba(WITHOUT_MEMORY).eval()
    for value in net.parameters():
        torch.nn.init.normal_(value, std=0.3)
    return net


def saved(tensors: dict[str, Tensor], folder: Path) -> Path:
    save_file(tensors, folder / "start.safetensors")
    return folder / "start.safetensors"


@pytest.mark.parametrize("offline", [False, True])
def test_a_model_that_grows_says_what_it_said_before_and_names_what_is_new(
    old: LiteAVSEMamba, tmp_path: Path, offline: bool
) -> None:
    if offline:
        old = LiteAVSEMamba(WITHOUT_MEMORY.offline()).eval()
    grown, lacking = grow_model(
        PRESETS["small"].offline() if offline else PRESETS["small"], saved(old.state_dict(), tmp_path)
    )
    assert lacking == [name for name in grown.state_dict() if ".memory." in name]
    assert {name.split(".memory.")[0] for name in lacking} == {"blocks.0", "blocks.1"}
    assert not grown.training
    spectrum, embedding = torch.randn(1, 2, 6, 201), torch.randn(1, 6, 8)
    with torch.no_grad():
        for lips in ((None, None), (embedding, torch.zeros(1, 6))):
            before, after = (net(spectrum, *lips)[0] for net in (old, grown))
            torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_weights_that_lack_nothing_have_nothing_to_grow(tmp_path: Path) -> None:
    net = LiteAVSEMamba(PRESETS["small"])
    path = saved(net.state_dict(), tmp_path)
    grown, lacking = grow_model(PRESETS["small"], path)
    assert lacking == []
    for model in (grown, load_model("small", path)):
        assert all(torch.equal(model.state_dict()[name], value) for name, value in net.state_dict().items())


def test_weights_that_lack_something_are_loaded_by_nobody_else(old: LiteAVSEMamba, tmp_path: Path) -> None:
    path = saved(old.state_dict(), tmp_path)
    with pytest.raises(
        InputError, match=r"does not fit preset 'small': it lacks \d+ tensors, such as blocks.0.memory"
    ):
        load_model("small", path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"blocks.9.D": torch.zeros(2)}, "it has 1 tensors too many, such as blocks.9.D"),
        ({"fusion.projection.bias": torch.zeros(5)}, "size mismatch for fusion.projection.bias"),
    ],
)
def test_growing_forgives_nothing_else(
    old: LiteAVSEMamba, tmp_path: Path, change: dict[str, Tensor], told: str
) -> None:
    path = saved(old.state_dict() | change, tmp_path)
    with pytest.raises(InputError, match=rf"{path.name} does not fit preset 'small': {told}") as error:
        grow_model(PRESETS["small"], path)
    assert "\n" not in str(error.value)
