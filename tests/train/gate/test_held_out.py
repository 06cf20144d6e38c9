"""Speech with real cues: parts of clips whose sound and cue stay together, of speakers that differ."""

from pathlib import Path

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.train.cue.evaluation import Prediction, save_predictions
from lipstream.train.gate.held_out import HeldOutCues, Spoken, read_held_out


def counted(speaker: str, first: int, ticks: int = 40) -> Spoken:
    """A clip that says in sound and cue which tick it is: a number of its own."""
    numbers = np.arange(first, first + ticks, dtype=np.float32)
    return Spoken(speaker, np.repeat(numbers, 640) / np.float32(1000), np.tile(numbers[:, None], (1, 10)))


CLIPS = [counted("a", 0), counted("a", 100), counted("b", 200), counted("c", 300)]


def middles(sound: Float32) -> Float32:
    return 1000 * sound.reshape(-1, 640)[:, 320]


def test_sound_and_cue_stay_together_through_every_part() -> None:
    cues, rng = HeldOutCues(CLIPS), np.random.default_rng(0)
    for _ in range(20):
        drawn = cues.draw(130, rng)
        assert drawn.cue.shape == (130, 10)
        np.testing.assert_allclose(middles(drawn.sound), drawn.cue[:, 0], atol=1e-3)
        owner = {"a": (0, 140), "b": (200, 240), "c": (300, 340)}[drawn.speaker]
        assert owner[0] <= drawn.cue.min() <= drawn.cue.max() < owner[1]


def test_no_tick_of_a_clip_is_always_at_the_same_place() -> None:
    cues, rng = HeldOutCues(CLIPS), np.random.default_rng(0)
    firsts = {float(cues.draw(20, rng, "a").cue[0, 0]) for _ in range(40)}
    assert len(firsts) > 15


def test_who_is_to_be_avoided_is_not_drawn() -> None:
    cues, rng = HeldOutCues(CLIPS), np.random.default_rng(0)
    assert {cues.draw(10, rng, "a").speaker for _ in range(30)} == {"b", "c"}


def test_the_file_of_an_evaluation_is_read_without_speakers_that_are_held_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    said = [Prediction(name, *rng.standard_normal((3, 30, 5)).astype(np.float32)) for name in "abc"]
    sounds = [rng.uniform(-0.5, 0.5, 30 * 640 + 100).astype(np.float32) for _ in said]
    save_predictions(said, sounds, tmp_path / "cues.npz")
    drawn = read_held_out(tmp_path / "cues.npz", ["b"]).draw(12, rng, "a")
    assert drawn.speaker == "c"
    start = int(np.argmin(np.abs(said[2].mean[:, 0] - drawn.cue[0, 0])))
    np.testing.assert_allclose(drawn.cue[:, :5], said[2].mean[start : start + 12], atol=5e-3)
    np.testing.assert_allclose(
        drawn.sound[200:-200], sounds[2][640 * start : 640 * (start + 12)][200:-200], atol=1e-4
    )
    with pytest.raises(InputError, match="at least two speakers"):
        read_held_out(tmp_path / "cues.npz", ["b", "c"])
    with pytest.raises(InputError, match="holds no cues"):
        read_held_out(tmp_path / "none.npz")
