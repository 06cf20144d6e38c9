"""The training loop with faces: what it trains and what it leaves alone, its log, and that it resumes."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.train.data.video_corpus import FaceClip
from lipstream.train.mixing import batches
from lipstream.train.mixing.batches import Batch, read_sources
from lipstream.train.mixing.degrade import DegradeConfig
from lipstream.train.mixing.video_mixtures import VideoConfig, VideoMixer
from lipstream.train.recipe import Recipe, load_recipe
from lipstream.train.run import loop
from lipstream.train.run.loop import Trainer
from lipstream.train.run.optimizer import OptimizerConfig

FROZEN = VideoConfig(share=1.0, freeze="sound", held_out_speakers=("s33",))
HALF = VideoConfig(share=0.5, held_out_speakers=("s33",))
FAST = OptimizerConfig(learning_rate=1e-2, warmup_steps=0)


@pytest.fixture
def faces(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three talking faces, one of them held out, in place of those of av.csv."""
    sound, rate = soundfile.read(data / "train" / "speech" / "mini.flac", dtype="float32")
    clips = []
    for number, speaker in enumerate(("s1", "s2", "s33")):
        crops = np.random.default_rng(number).integers(0, 256, (50, 32, 32, 3), np.uint8)
        start = number * 4 * rate
        clips.append(
            FaceClip(speaker, crops, np.arange(50) / 25, np.ones(50, bool), sound[start : start + 2 * rate])
        )
    monkeypatch.setattr(batches, "read_face_clips", lambda folder, cache: tuple(clips))


@pytest.fixture
def make_trainer(make_recipe: Callable[..., Recipe], faces: None, tmp_path: Path) -> Callable[..., Trainer]:
    """Makes trainers with video in a folder by name."""

    def make(video: VideoConfig, folder: str = "run", **changes: Any) -> Trainer:
        recipe = make_recipe(video=video, optimizer=FAST, **changes)
        return Trainer(recipe, tmp_path / folder, tmp_path / "cache")

    return make


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """All parameters, of the model and of its average."""
    both = torch.nn.ModuleDict({"model": trainer.learner.model, "average": trainer.learner.average})
    return {name: value.detach().clone() for name, value in both.named_parameters()}


def changed(trainer: Trainer, before: dict[str, Tensor]) -> set[str]:
    return {name for name, value in weights(trainer).items() if not torch.equal(value, before[name])}


def is_of_the_lips(name: str) -> bool:
    return "net.visual." in name or "net.fusion." in name


def log(trainer: Trainer) -> list[dict[str, Any]]:
    """The lines of the log, each of them strict JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    lines = (trainer.folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line, parse_constant=refuse) for line in lines]


def test_a_frozen_audio_path_stays_to_the_last_bit_while_that_of_the_lips_learns(
    make_trainer: Callable[..., Trainer],
) -> None:
    trainer = make_trainer(FROZEN, steps=3)
    batch = trainer.source.draw_with_faces(2, 9)
    lips = batch.video
    assert lips is not None

    def outputs() -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            learner = trainer.learner
            seen = learner.model(batch.noisy, lips).wave
            return learner.model(batch.noisy).wave, learner.average(batch.noisy).wave, seen

    weights_before, outputs_before = weights(trainer), outputs()
    trainer.run()
    assert changed(trainer, weights_before) == {name for name in weights_before if is_of_the_lips(name)}
    for name, value in trainer.learner.model.named_parameters():
        assert (value.grad is not None) is is_of_the_lips(name)
    for before, after, learns in zip(outputs_before, outputs(), (False, False, True), strict=True):
        assert torch.equal(before, after) is not learns


def test_without_freezing_both_paths_learn(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(replace(HALF, share=1.0), steps=3)
    before = weights(trainer)
    trainer.run()
    assert {is_of_the_lips(name) for name in changed(trainer, before)} == {True, False}


def test_a_share_of_the_steps_has_video_and_logs_the_cross_entropy_of_alpha(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LOG_EVERY", 1)
    trainer = make_trainer(HALF, steps=12, batch=1, validate_every=12)
    draw, drawn = trainer.source.draw, []

    def keep(size: int, *seed: int, first: int) -> Batch:
        drawn.append(draw(size, *seed, first=first))
        return drawn[-1]

    monkeypatch.setattr(trainer.source, "draw", keep)
    trainer.run()
    with_video = [batch.video is not None for batch in drawn]
    assert {True, False} == set(with_video)
    rows = [row for row in log(trainer) if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert ["alpha" in row for row in rows] == with_video
    learned = [row["alpha"] for row in rows if "alpha" in row]
    assert min(learned) >= 0  # nothing from another person's lips, or where there is no video frame
    assert max(learned) > 0


def test_alpha_is_weighed_into_the_loss(make_trainer: Callable[..., Trainer]) -> None:
    light, heavy = (
        make_trainer(replace(HALF, share=1.0, alpha_weight=weight), folder)
        for weight, folder in ((0.0, "light"), (10.0, "heavy"))
    )
    batch = light.source.draw(2, 1, 0)
    (light_loss, terms), (heavy_loss, _) = (one.learner.objective(batch)[:2] for one in (light, heavy))
    torch.testing.assert_close(heavy_loss - light_loss, 10 * terms["alpha"])


@pytest.mark.parametrize(("kind", "trust"), [(0, 1.0), (1, 0.0)], ids=["good", "black"])
def test_alpha_learns_whether_the_lips_can_be_trusted(
    make_trainer: Callable[..., Trainer], kind: int, trust: float
) -> None:
    always = DegradeConfig(tuple(float(kind == one) for one in range(9)))
    trainer = make_trainer(replace(FROZEN, degrade=always, alpha_weight=10.0), validate_every=6)
    batch = trainer.source.draw(2, 5, 5)
    lips = batch.video
    assert lips is not None

    def distance() -> float:
        with torch.no_grad():
            alpha = trainer.learner.model(batch.noisy, lips).alpha
        return float((alpha - trust).abs().mean())

    before = distance()
    trainer.run()
    assert distance() < 0.8 * before


@pytest.mark.parametrize("video", [HALF, FROZEN], ids=["half", "frozen"])
def test_a_stopped_run_goes_on_to_the_same_bits(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, video: VideoConfig
) -> None:
    whole = make_trainer(video, "whole", steps=4, validate_every=4)
    whole.run()

    stopped = make_trainer(video, "parts", steps=4, validate_every=4)
    draw = stopped.source.draw

    def stop(size: int, *seed: int, first: int) -> Batch:
        if stopped.progress.step == 1:
            stopped.stop()
        return draw(size, *seed, first=first)

    monkeypatch.setattr(stopped.source, "draw", stop)
    stopped.run()
    resumed = make_trainer(video, "parts", steps=4, validate_every=4)
    assert resumed.progress.step == 2
    resumed.run()
    assert resumed.progress == whole.progress
    states = [
        (weights(trainer), trainer.learner.optimizer.state_dict()["state"]) for trainer in (resumed, whole)
    ]
    torch.testing.assert_close(*states, rtol=0, atol=0)


def test_validation_hears_the_same_mixtures_with_the_lips_and_without(
    make_trainer: Callable[..., Trainer],
) -> None:
    trainer = make_trainer(FROZEN, validation_items=2)
    trainer.run()
    rows = [row for row in log(trainer) if "val_pesq" in row]
    assert [row["step"] for row in rows] == [3, 6]
    names = ("pesq", "stoi", "estoi", "si_sdr")
    seen, blind = (
        [[row[f"{kind}_{name}"] for name in names] for row in rows] for kind in ("val", "val_blind")
    )
    assert blind[0] == blind[1]  # the frozen audio path
    assert seen[0] != seen[1]
    assert seen[1] == pytest.approx(blind[1], rel=0.05)  # the same mixtures
    assert trainer.progress.best_score == max(row["val_pesq"] for row in rows)


def test_a_score_that_is_not_defined_is_null_in_the_log(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(FROZEN, steps=1, validation_items=1)
    trainer.run()
    (row,) = log(trainer)
    alphas = [row["val_alpha_good"], row["val_alpha_bad"]]
    assert alphas.count(None) == 1  # one mixture, whose lips are good or bad
    assert all(math.isfinite(value) for value in row.values() if value is not None)


def test_held_out_faces_are_seen_in_validation_alone(
    make_recipe: Callable[..., Recipe], faces: None, tmp_path: Path
) -> None:
    training, validation = read_sources(make_recipe(video=HALF), tmp_path / "cache")
    assert isinstance(training.faces, VideoMixer)
    assert isinstance(validation.faces, VideoMixer)
    assert set(training.faces.by_speaker) == {"s1", "s2"}
    assert set(validation.faces.by_speaker) == {"s33"}


@pytest.mark.parametrize("speakers", [(), ("s1", "s2", "s33")])
def test_faces_without_a_held_out_speaker_or_without_others_are_refused(
    make_trainer: Callable[..., Trainer], speakers: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match="no talking-face clips"):
        make_trainer(replace(HALF, held_out_speakers=speakers))


def test_clips_that_are_not_there_are_told(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"av.csv is missing"):
        Trainer(make_recipe(video=HALF), tmp_path / "run", tmp_path / "cache")


def test_a_recipe_that_freezes_the_audio_path_in_steps_without_video_is_told(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[video]\nfreeze = 'sound'\nshare = 0.5\n")
    with pytest.raises(
        InputError, match=r"recipe.toml \[video\]: video.freeze 'sound' .* set video.share = 1.0"
    ):
        load_recipe(path)
