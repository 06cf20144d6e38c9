"""``lipstream cue``: its arguments, what it prints and the errors a user sees."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.cli import main
from lipstream.train.cue import commands
from lipstream.train.cue.errors import load_errors
from lipstream.train.cue.evaluation import load_predictions
from lipstream.train.cue.training import CueRecipe
from lipstream.train.cue.views import example_of
from lipstream.train.data.landmark_corpus import LandmarkClip
from lipstream.train.recipe import read_table


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_clip: Callable[..., LandmarkClip]) -> str:
    """Two steps on six synthetic clips of three speakers."""
    examples = [example_of(make_clip(speaker, seed)) for seed, speaker in enumerate("aabbcc")]
    monkeypatch.setattr(commands, "_examples", lambda recipe, cache: examples)
    file = tmp_path / "short.toml"
    file.write_text('steps = 2\nbatch = 2\nheld_out_speakers = ["c"]\n[encoder]\nchannels = 4\n')
    return str(file)


def test_the_shipped_recipe_is_read() -> None:
    assert read_table(CueRecipe, commands.RECIPE).steps >= 100


def test_training_writes_weights_that_test_can_read(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(tmp_path / "cue.safetensors")
    assert main(["cue", "train", recipe, "--out", weights]) == 0
    assert "r of all by speaker: c" in capsys.readouterr().out
    assert main(["cue", "test", weights, "--data", str(tmp_path)]) == 2
    assert "av.csv is missing" in capsys.readouterr().err


def test_evaluation_keeps_cues_and_fits_their_errors(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cues, errors = tmp_path / "cues.npz", tmp_path / "errors.json"
    assert main(["cue", "evaluate", recipe, "--folds", "2", "--out", str(cues), "--errors", str(errors)]) == 0
    assert "still faces" in capsys.readouterr().out
    assert len(load_predictions(cues)) == 6
    assert load_errors(errors).taps.shape == (5, 5, 5)


def test_bad_input_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cue", "train", str(tmp_path / "none.toml"), "--out", "x"]) == 2
    assert "no such recipe" in capsys.readouterr().err
    (tmp_path / "odd.toml").write_text("stride = 3")
    assert main(["cue", "train", str(tmp_path / "odd.toml"), "--out", "x"]) == 2
    assert "unknown key 'stride'" in capsys.readouterr().err
    assert main(["cue", "train", "--threads", "0", "--out", "x"]) == 2
    assert "--threads must be at least 1" in capsys.readouterr().err
