"""The training loop: it learns, it resumes exactly, it survives bad batches, it says what does not fit."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.models.config import PRESETS, MemoryConfig
from lipstream.models.lite_avse import build
from lipstream.train.data.corpus import Clip
from lipstream.train.mixing.batches import read_sources
from lipstream.train.recipe import Recipe
from lipstream.train.run.loop import Trainer
from lipstream.train.run.optimizer import OptimizerConfig

Draw = Callable[[np.random.Generator], tuple[Float32, Float32]]


@pytest.fixture
def make_trainer(make_recipe: Callable[..., Recipe], tmp_path: Path) -> Callable[..., Trainer]:
    """Makes trainers in a folder by name, of recipes with changes."""

    def make(folder: str = "run", **changes: Any) -> Trainer:
        return Trainer(make_recipe(**changes), tmp_path / folder, tmp_path / "cache")

    return make


def checkpoint(trainer: Trainer) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(trainer.folder / "checkpoint.pt", weights_only=True)
    return content


def log(trainer: Trainer) -> list[dict[str, float]]:
    return [json.loads(line) for line in (trainer.folder / "log.jsonl").read_text().splitlines()]


def assert_same(found: Any, expected: Any) -> None:
    """Equal to the last bit, in whatever nesting."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


def on_each_draw(trainer: Trainer, change: Callable[[int, Draw, np.random.Generator], Any]) -> None:
    """Let ``change(step, draw, rng)`` stand between the trainer and its mixer."""
    mixer = trainer.source.mixer
    usual = mixer.draw
    mixer.draw = lambda rng: change(trainer.progress.step, usual, rng)  # type: ignore[method-assign]


def spoilt(mixture: tuple[Float32, Float32], value: float = math.nan) -> tuple[Float32, Float32]:
    """The same speech in a mixture that is not finite."""
    return np.full_like(mixture[0], value), mixture[1]


def test_the_loss_falls_on_mixtures_that_repeat(make_trainer: Callable[..., Trainer]) -> None:
    fast = OptimizerConfig(learning_rate=1e-2, warmup_steps=5)
    trainer = make_trainer(steps=100, batch=1, validate_every=100, optimizer=fast)
    on_each_draw(trainer, lambda step, draw, rng: draw(np.random.default_rng(1)))
    trainer.run()
    first, second = (row for row in log(trainer) if "loss" in row)
    assert second["loss"] < 0.9 * first["loss"]
    assert second["si_sdr"] < first["si_sdr"]


def test_a_run_leaves_weights_that_load_and_a_log_and_a_checkpoint(
    make_trainer: Callable[..., Trainer], tiny: str
) -> None:
    trainer = make_trainer()
    trainer.run()
    validations = [row for row in log(trainer) if "val_sound_estoi" in row]
    assert [row["step"] for row in validations] == [3, 6]
    assert math.isfinite(trainer.progress.best_score)
    build(tiny).load_state_dict(load_file(trainer.folder / "best.safetensors"))
    assert checkpoint(trainer)["progress"]["step"] == 6
    assert {path.name for path in trainer.folder.iterdir()} == {
        "best.safetensors",
        "log.jsonl",
        "checkpoint.pt",
    }


@pytest.mark.parametrize(("limit", "decay"), [(0.998, 0.1), (0.05, 0.05)])
def test_the_average_follows_fast_at_first_and_never_slower_than_its_decay(
    make_trainer: Callable[..., Trainer], limit: float, decay: float
) -> None:
    trainer = make_trainer(steps=1, optimizer=OptimizerConfig(warmup_steps=0, ema_decay=limit))
    start = [value.detach().clone() for value in trainer.learner.model.parameters()]
    trainer.run()
    values = list(
        zip(start, trainer.learner.average.parameters(), trainer.learner.model.parameters(), strict=True)
    )
    assert any((now != before).any() for before, _, now in values)
    for before, mean, now in values:
        torch.testing.assert_close(mean, decay * before + (1 - decay) * now)


def test_a_killed_run_goes_on_to_the_same_bits(make_trainer: Callable[..., Trainer]) -> None:
    whole = make_trainer("whole")
    whole.run()

    def kill(step: int, draw: Draw, rng: np.random.Generator) -> tuple[Float32, Float32]:
        if step == 5:
            raise RuntimeError("killed")
        return draw(rng)

    killed = make_trainer("parts")
    on_each_draw(killed, kill)
    with pytest.raises(RuntimeError, match="killed"):
        killed.run()
    resumed = make_trainer("parts")
    assert resumed.progress.step == 3
    resumed.run()
    assert_same(checkpoint(resumed), checkpoint(whole))
    assert_same(load_file(resumed.folder / "best.safetensors"), load_file(whole.folder / "best.safetensors"))


@pytest.fixture
def growing(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of a recipe that grows a memory into the tiny preset, with Muon."""
    path = tmp_path / "start.safetensors"
    save_file(build(tiny).state_dict(), path)
    memory = MemoryConfig(features=8, channels=8, mixer=PRESETS[tiny].time)
    monkeypatch.setitem(PRESETS, tiny, replace(PRESETS[tiny], memory=memory))
    optimizer = OptimizerConfig(matrices="muon", known_rate=0.25)
    return {"start_from": str(path), "grow": True, "optimizer": optimizer, "validate_every": 6}


@pytest.mark.parametrize("grows", [False, True], ids=["adamw", "grown with muon"])
def test_a_stopped_run_keeps_its_last_step_and_goes_on_to_the_same_bits(
    make_trainer: Callable[..., Trainer], growing: dict[str, Any], grows: bool
) -> None:
    changes = growing if grows else {}
    whole = make_trainer("whole", **changes)
    whole.run()

    def stop(step: int, draw: Draw, rng: np.random.Generator) -> tuple[Float32, Float32]:
        if step == 4:
            stopped.stop()
        return draw(rng)

    stopped = make_trainer("parts", **changes)
    on_each_draw(stopped, stop)
    stopped.run()
    assert checkpoint(stopped)["progress"]["step"] == 5
    resumed = make_trainer("parts", **changes)
    resumed.run()
    assert ("muon" in checkpoint(whole)["optimizer"]) == grows
    assert_same(checkpoint(resumed), checkpoint(whole))


def test_a_finished_run_does_nothing_more(make_trainer: Callable[..., Trainer]) -> None:
    make_trainer().run()
    again = make_trainer()
    before = log(again)
    again.run()
    assert log(again) == before


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_batch_that_is_not_finite_is_skipped_and_counted(
    make_trainer: Callable[..., Trainer], bad: float
) -> None:
    def spoil(step: int, draw: Draw, rng: np.random.Generator) -> tuple[Float32, Float32]:
        return spoilt(draw(rng), bad) if step in (1, 2) else draw(rng)

    trainer = make_trainer()
    on_each_draw(trainer, spoil)
    trainer.run()
    assert trainer.progress.skipped_batches == checkpoint(trainer)["progress"]["skipped_batches"] == 2
    assert all(value.isfinite().all() for value in trainer.learner.model.parameters())
    assert all(value.isfinite().all() for value in trainer.learner.average.parameters())


def test_bad_batches_in_a_row_before_the_first_checkpoint_end_the_run(
    make_trainer: Callable[..., Trainer],
) -> None:
    trainer = make_trainer(steps=50, batch=1, validate_every=50, max_bad_batches=5)
    on_each_draw(trainer, lambda step, draw, rng: spoilt(draw(rng)))
    with pytest.raises(InputError, match="5 batches in a row gave no finite gradient, at step 5: lower the"):
        trainer.run()
    assert not trainer.files.checkpoint.exists()


def test_bad_batches_in_a_row_lead_back_to_the_last_checkpoint_and_on_with_other_mixtures(
    make_trainer: Callable[..., Trainer],
) -> None:
    trainer = make_trainer(steps=9, max_bad_batches=2)
    heard: list[tuple[int, float]] = []

    def spoil_once(step: int, draw: Draw, rng: np.random.Generator) -> tuple[Float32, Float32]:
        noisy, clean = draw(rng)
        heard.append((step, float(noisy.sum())))
        bad = step in (4, 5) and not trainer.progress.second_try
        return spoilt((noisy, clean)) if bad else (noisy, clean)

    on_each_draw(trainer, spoil_once)
    trainer.run()
    assert [step for step, _ in heard] == [k for k in (0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8) for _ in range(2)]
    first, second, later = heard[6], heard[12], heard[18]
    assert first[0] == second[0] == 3
    assert first[1] != second[1]
    usual = make_trainer("usual").source.draw(2, 1, 6).noisy
    assert later[0] == 6  # after the next checkpoint, as ever
    assert later[1] == pytest.approx(float(usual[0].sum()), rel=1e-3)
    assert trainer.progress.step == 9
    assert trainer.progress.skipped_batches == 2
    assert not trainer.progress.second_try


def test_bad_batches_in_a_row_after_going_back_end_the_run(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(steps=9, max_bad_batches=3)
    on_each_draw(trainer, lambda step, draw, rng: draw(rng) if step < 3 else spoilt(draw(rng)))
    with pytest.raises(InputError, match="no finite gradient again after the last checkpoint, at step 6"):
        trainer.run()
    assert checkpoint(trainer)["progress"]["step"] == 3


def test_the_bidirectional_form_trains_too(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(offline=True, steps=2)
    trainer.run()
    assert trainer.progress.skipped_batches == 0


def test_training_and_validation_share_no_speaker_and_no_source_of_noise(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    training, validation = (source.mixer for source in read_sources(make_recipe(), tmp_path))
    assert _groups(training.speech_by_source.values()) == {"mini/ls5", "mini/ls6"}
    assert _groups(validation.speech_by_source.values()) == {"mini/ls4"}
    assert _groups(training.noise_by_source) == {"fan"}
    assert _groups(validation.noise_by_source) == {"noisekun"}


def _groups(clips_by_source: Iterable[list[Clip]]) -> set[str]:
    return {clip.group for clips in clips_by_source for clip in clips}


def test_a_checkpoint_of_another_model_is_told(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_trainer(steps=1).run()
    monkeypatch.setitem(PRESETS, "tiny", PRESETS["lite"])
    with pytest.raises(
        InputError, match=r"does not fit this recipe \(its model is another one\): start in an empty"
    ):
        make_trainer(steps=1)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut off"])
def test_a_damaged_checkpoint_is_told(make_trainer: Callable[..., Trainer], content: bytes) -> None:
    trainer = make_trainer()
    (trainer.folder / "checkpoint.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint.pt does not fit this recipe"):
        make_trainer()


def test_data_without_anything_to_hold_out_is_told(make_trainer: Callable[..., Trainer]) -> None:
    with pytest.raises(InputError, match="no noise to mix with"):
        make_trainer(held_out_noise=())
