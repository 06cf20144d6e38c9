"""The speed of training: what is counted, and that it is measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lipstream.bench.machine import fingerprint
from lipstream.errors import InputError
from lipstream.train.recipe import Recipe
from lipstream.train.run.needs import Step, speeds
from lipstream.train.run.speed import TrainingFloor, TrainingSpeed, measure_training


def test_seconds_of_mixtures_are_counted_over_the_time_of_drawing_and_learning() -> None:
    report = TrainingSpeed(
        machine=fingerprint(),
        preset="lite",
        device="cpu",
        precision="float32",
        threads=2,
        workers=0,
        kernel=True,
        batch=4,
        seconds=2.0,
        steps=10,
        draw_s=0.5,
        learn_s=1.5,
        processor_s=4.0,
        draw_processor_s=0.8,
        floor=TrainingFloor(forward=1e9, backward=2e9, scans=1e9, macs_per_second=40e9),
    )
    assert report.mixture_s == 80.0
    assert report.speed == 40.0
    text = report.text()
    assert "10 steps of 4 x 2 s: 150 ms a step, and 50 ms waiting for its mixtures (25 %)" in text
    assert "40.0 seconds of mixtures trained on in a second (53.3 without the waiting)" in text
    assert "400 ms of processor time a step: 20.0 seconds of mixtures a second of a core" in text
    assert "floor 100 ms, of which this is 4.0 times" in text
    # 40 G products for 80 s of mixtures; 0.01 s to draw each of them.
    learned, drawn = speeds(Step(0.5e9, 0.01), 8)
    assert learned == pytest.approx(395_200)
    assert drawn == pytest.approx(12_800)
    row = next(line.split() for line in text.splitlines() if line.startswith("8 "))
    assert row[:4] == ["8", "395200", "12800", "0.08"]
    assert "estimate, not measured" in text
    assert "estimate" not in replace(report, draw_processor_s=None).text()


def test_steps_of_a_recipe_are_timed(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    report = measure_training(make_recipe(), tmp_path / "cache", steps=2)
    assert (report.preset, report.device, report.batch, report.seconds, report.steps) == (
        "tiny",
        "cpu",
        2,
        0.5,
        2,
    )
    assert report.mixture_s == 2.0
    assert report.draw_s > 0
    assert report.learn_s > 0
    assert report.processor_s > 0
    if report.floor is not None:
        # Two gradients for each product, one where either factor wants none, none where neither does.
        assert 0.5 * report.floor.forward < report.floor.backward <= 2 * report.floor.forward
        assert report.floor.scans > 0
    with pytest.raises(InputError, match="--steps must be at least 1"):
        measure_training(make_recipe(), tmp_path / "cache", steps=0)
