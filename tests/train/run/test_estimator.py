"""The models in training: the numbers of the streaming and offline paths, aligned; what they start from."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.config import PRESETS
from lipstream.models.lite_avse import build
from lipstream.models.parents.inference import analyse, enhance_offline
from lipstream.models.parents.registry import PARENTS, find_parent
from lipstream.models.parents.semamba import SEMambaConfig
from lipstream.models.store.checkpoint import load_model
from lipstream.models.store.folder import describe, form_metadata
from lipstream.models.wave import WaveModel
from lipstream.train.losses.loss import LossConfig
from lipstream.train.mixing.video_mixtures import VideoBatch, VideoConfig, embed
from lipstream.train.recipe import Recipe
from lipstream.train.run.estimator import ParentEstimator, StreamingEstimator, make_estimator
from lipstream.train.run.loop import Trainer

#: SEMamba, small.
SMALL = SEMambaConfig(hid_feature=4, num_tfmamba=1, d_state=4, expand=2)
#: Each parent, small.
TINY: dict[str, dict[str, int]] = {
    "semamba": {"hid_feature": 4, "num_tfmamba": 1, "d_state": 4, "expand": 2},
    "mpsenet": {"channels": 4, "num_blocks": 1},
    "mpsenet-mamba": {"channels": 4, "num_shared_blocks": 1, "num_branch_blocks": 1},
}
#: The terms of a parent's loss that need no critic.
TERMS = {"magnitude": 0.9, "phase": 0.3, "complex": 0.1, "consistency": 0.1, "time": 0.2}
PUBLISHED: dict[str, Any] = {**TERMS, "lost_speech": 0.0, "si_sdr": 0.0}


def noise(length: int = 4000) -> Tensor:
    return 0.1 * torch.randn(2, length, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def lips() -> VideoBatch:
    crops = torch.randint(0, 256, (2, 4, 32, 32, 3), generator=torch.Generator().manual_seed(1))
    newest = torch.arange(20).div(5, rounding_mode="floor").expand(2, -1)
    return VideoBatch(crops.to(torch.uint8), newest, torch.full((2, 20), 0.01), torch.ones(2))


@torch.no_grad()
def test_training_hears_what_the_stream_gives_without_its_lag(tiny: str, lips: VideoBatch) -> None:
    torch.manual_seed(0)
    net = build(tiny)
    for video, given in ((None, ()), (lips, embed(net, lips))):
        wave, alpha, _ = WaveModel(net)(noise(), *given)
        found = StreamingEstimator(net)(noise(), video)
        torch.testing.assert_close(found.wave, wave[:, 200:])
        torch.testing.assert_close(found.alpha, alpha)


@torch.no_grad()
def test_a_network_that_lets_all_pass_is_aligned_and_consistent(tiny: str) -> None:
    net = build(tiny)
    net.register_forward_hook(lambda module, given, made: (given[0], *made[1:]))
    model = StreamingEstimator(net)
    found = model(noise())
    torch.testing.assert_close(found.wave, noise()[:, :3800], rtol=0, atol=1e-6)
    given, again = model.consistency(found)
    assert given.shape == (2, 2, 18, 201)
    torch.testing.assert_close(again, given, rtol=0, atol=1e-6)


#: Changes to the tiny preset: an early fusion of cues, whose VCE looks ahead.
CUES: dict[str, Any] = {
    "encoder": "landmarks",
    "embedding_size": 10,
    "smoothing": False,
    "frequency_prior": False,
    "early": {"hidden": 8, "scout_frames": 2},
}


@torch.no_grad()
def test_a_model_that_looks_ahead_is_aligned_and_consistent_and_leaves_out_the_end(
    make_recipe: Callable[..., Recipe],
) -> None:
    model, _ = make_estimator(make_recipe(model={"visual": CUES}))
    assert isinstance(model, StreamingEstimator)
    model.net.register_forward_hook(
        lambda module, given, made: (module.heard(given[0], None), *made[1:])  # lets all pass
    )
    found = model(noise(8000))
    torch.testing.assert_close(found.wave, noise(8000)[:, : 8000 - 200 - 7 * 200], rtol=0, atol=1e-6)
    assert found.alpha.shape == (2, 33)
    given, again = model.consistency(found)
    torch.testing.assert_close(again, given, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_fusion_of_cues_learns_and_its_encoder_stays_that_of_the_shipped_model(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    video = VideoConfig(share=1.0, conflict=0.2)
    recipe = make_recipe(model={"visual": CUES}, video=video, steps=2, validate_every=2)
    trainer = Trainer(recipe, tmp_path / "run", tmp_path / "cache")
    before = {name: value.clone() for name, value in trainer.learner.model.named_parameters()}
    trainer.run()
    moved = {
        name
        for name, value in trainer.learner.model.named_parameters()
        if not torch.equal(value, before[name])
    }
    assert {"net.fusion.enter.weight", "net.fusion.vce.leave.weight"} <= moved
    assert not any(name.startswith("net.visual.") for name in moved)
    net, shipped = load_model(tmp_path / "run"), load_model("lite")
    for name, value in shipped.visual.state_dict().items():
        assert torch.equal(net.visual.state_dict()[name], value)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert "val_blind_si_sdr" in log[-1]


def test_an_encoder_that_does_not_fit_or_is_to_be_frozen_is_refused(
    make_recipe: Callable[..., Recipe],
) -> None:
    smaller = {**CUES, "landmarks": {"channels": 4}}
    with pytest.raises(InputError, match=r"lite.safetensors has no encoder C of these sizes: size mismatch"):
        make_estimator(make_recipe(model={"visual": smaller}))
    with pytest.raises(InputError, match=r"video.freeze is for lip crops"):
        make_recipe(model={"visual": CUES}, video=VideoConfig(share=1.0, freeze="sound"))


@torch.no_grad()
@pytest.mark.parametrize("kind", PARENTS)
def test_a_parent_trains_on_the_numbers_of_its_inference(kind: str) -> None:
    torch.manual_seed(0)
    parent = find_parent(kind)
    net = parent.model(parent.config(**TINY[kind])).eval()
    found = ParentEstimator(net)(noise())
    torch.testing.assert_close(found.wave, enhance_offline(net, noise()), rtol=1e-3, atol=1e-5)
    mag, pha, _ = net(*analyse(noise() / found.level, net.config))
    torch.testing.assert_close(found.mag, mag)
    torch.testing.assert_close(found.pha, pha)


def test_semamba_runs_through_the_loop_and_its_weights_can_be_gone_on_from(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = make_recipe(
        preset="semamba", model=asdict(SMALL), steps=1, validate_every=1, loss=LossConfig(**PUBLISHED)
    )
    trainer = Trainer(recipe, tmp_path / "run", tmp_path / "cache")
    trainer.run()
    assert trainer.progress.skipped_batches == 0
    best = tmp_path / "run" / "best.safetensors"
    model, new = make_estimator(replace(recipe, start_from=str(best)))
    net = model.net
    assert not new
    for name, value in trainer.learner.average.net.state_dict().items():
        assert torch.equal(net.state_dict()[name], value)
    assert net.training
    assert describe(tmp_path / "run").table == asdict(SMALL)
    assert make_estimator(replace(recipe, start_from=str(tmp_path / "run")))[0].net.state_dict().keys()
    with pytest.raises(InputError, match=r"trained with another \[model\]"):
        make_estimator(replace(recipe, start_from=str(best), model={}))


@pytest.mark.parametrize("without", [(), ("vce",)])
def test_a_recipe_starts_from_weights_of_its_own_form_alone(
    make_recipe: Callable[..., Recipe], tmp_path: Path, tiny: str, without: tuple[str, ...]
) -> None:
    path = tmp_path / "start.safetensors"
    weights = build(tiny).state_dict()
    save_file(weights, path, form_metadata(PRESETS[tiny]))
    recipe = make_recipe(start_from=str(path), model={"without": list(without)})
    if without:
        with pytest.raises(InputError, match=r"trained with another \[model\] than the recipe's"):
            make_estimator(recipe)
        return
    model, new = make_estimator(recipe)
    found = model.net.state_dict()
    assert all(torch.equal(found[name], value) for name, value in weights.items())
    assert not new


def test_a_recipe_that_grows_tells_the_parameters_that_its_weights_lack(
    make_recipe: Callable[..., Recipe], tmp_path: Path, tiny: str
) -> None:
    path = tmp_path / "start.safetensors"
    save_file({name: value for name, value in build(tiny).state_dict().items() if ".D" not in name}, path)
    recipe = make_recipe(start_from=str(path), grow=True)
    model, new = make_estimator(recipe)
    assert new == {name for name, _ in model.named_parameters() if name.endswith(".D")} != set()
    assert model.training
    with pytest.raises(InputError, match=rf"lacks 2 tensors of '{tiny}', such as .*\.D: set grow = true"):
        make_estimator(replace(recipe, grow=False))


def test_a_model_without_parts_is_made_without_them(make_recipe: Callable[..., Recipe]) -> None:
    model, _ = make_estimator(make_recipe(model={"without": ["vce", "fsvg"]}, video=VideoConfig(share=0.5)))
    assert not any("vce" in name or "fsvg" in name for name in model.state_dict())
