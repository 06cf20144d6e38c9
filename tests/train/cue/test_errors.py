"""Simulated cues err as those of encoder C do on speakers it never met.

``held_out.npz`` keeps three clips of each of ten speakers, each seen by an encoder trained on others.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.train.cue.errors import CueErrors, fit_errors, load_errors
from lipstream.train.cue.evaluation import Prediction, load_predictions
from lipstream.train.cue.levels import true_cue

Statistic = Callable[[list[Prediction]], np.ndarray]


@pytest.fixture(scope="module")
def real() -> list[Prediction]:
    return list(load_predictions(Path(__file__).parent / "held_out.npz"))


@pytest.fixture(scope="module")
def simulated(real: list[Prediction]) -> list[Prediction]:
    """Eight cues of each clip's truth, as the shipped fit has them."""
    errors, rng = load_errors(), np.random.default_rng(0)
    made = [(clip, errors.simulate(clip.truth, rng)) for clip in real for _ in range(8)]
    return [Prediction(clip.speaker, cue[:, :5], cue[:, 5:], clip.truth) for clip, cue in made]


def joined(clips: list[Prediction]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, log_variance, truth = (np.concatenate(part) for part in list(zip(*clips, strict=True))[1:])
    return mean, log_variance, truth


def correlation(clips: list[Prediction]) -> np.ndarray:
    mean, _, truth = joined(clips)
    return np.array([np.corrcoef(mean[:, level], truth[:, level])[0, 1] for level in range(5)])


def leakage(clips: list[Prediction]) -> np.ndarray:
    """Correlation of what is said of each level with the truth of each other one."""
    mean, _, truth = joined(clips)
    return np.corrcoef(mean.T, truth.T)[:5, 5:]


def error_across_bands(clips: list[Prediction]) -> np.ndarray:
    mean, _, truth = joined(clips)
    return np.corrcoef((mean - truth).T)


def error_in_time(clips: list[Prediction]) -> np.ndarray:
    """Correlation of errors one, three and six ticks apart."""
    rows = []
    for lag in (1, 3, 6):
        before = np.concatenate([(clip.mean - clip.truth)[:-lag] for clip in clips])
        after = np.concatenate([(clip.mean - clip.truth)[lag:] for clip in clips])
        rows.append([np.corrcoef(before[:, level], after[:, level])[0, 1] for level in range(5)])
    return np.array(rows)


def size(clips: list[Prediction]) -> np.ndarray:
    return joined(clips)[0].std(0)


def surety(clips: list[Prediction]) -> np.ndarray:
    return joined(clips)[1].mean(0)


def calibration(clips: list[Prediction]) -> np.ndarray:
    mean, log_variance, truth = joined(clips)
    return np.log(((truth - mean) ** 2 / np.exp(log_variance)).mean(0))


def knowledge_of_error(clips: list[Prediction]) -> np.ndarray:
    """Correlation of the log variance with the logarithm of the squared error."""
    mean, log_variance, truth = joined(clips)
    error = np.log((truth - mean) ** 2 + 0.05)
    return np.array([np.corrcoef(log_variance[:, level], error[:, level])[0, 1] for level in range(5)])


def spread_over_clips(clips: list[Prediction]) -> np.ndarray:
    """Standard deviation of the correlation of whole clips."""
    return np.std([correlation([clip]) for clip in clips], axis=0)


@pytest.mark.parametrize(
    ("statistic", "tolerance"),
    [
        (correlation, 0.06),
        (leakage, 0.1),
        (error_across_bands, 0.12),
        (error_in_time, 0.15),
        (size, 0.12),
        (surety, 0.2),
        (calibration, 0.3),
        (knowledge_of_error, 0.2),
        (spread_over_clips, 0.06),
    ],
)
def test_simulated_cues_have_the_statistics_of_real_ones(
    statistic: Statistic, tolerance: float, real: list[Prediction], simulated: list[Prediction]
) -> None:
    np.testing.assert_allclose(statistic(simulated), statistic(real), rtol=0, atol=tolerance)


def test_cues_are_drawn_by_the_generator_alone(make_speech: Callable[[float, int], Float32]) -> None:
    truth, errors = true_cue(make_speech(2.0, 0)), load_errors()
    first, again, other = (errors.simulate(truth, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (50, 10)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fit_finds_the_model_that_made_the_cues() -> None:
    shipped, rng = load_errors(), np.random.default_rng(0)
    walk = np.cumsum(rng.standard_normal((60, 80, 5)), axis=1)
    truths = (0.6 * (walk - walk.mean(1, keepdims=True))).astype(np.float32)
    said = [shipped.simulate(truth, rng) for truth in truths]
    cues = [Prediction("a", cue[:, :5], cue[:, 5:], truth) for cue, truth in zip(said, truths, strict=True)]
    stills = [shipped.still(20, rng) for _ in range(99)]
    still = [Prediction("a", cue[:, :5], cue[:, 5:], np.zeros_like(cue[:, :5])) for cue in stills]
    found = fit_errors(cues, still)
    np.testing.assert_allclose(found.taps.sum(0), shipped.taps.sum(0), atol=0.1)
    lasts = [np.abs(np.linalg.eigvals(fit.memory)).max() for fit in (found, shipped)]
    assert lasts[0] == pytest.approx(lasts[1], abs=0.1)
    assert found.size_spread == pytest.approx(shipped.size_spread, abs=0.1)
    np.testing.assert_allclose(found.still_spread, shipped.still_spread, atol=0.05)


def test_a_fit_comes_back_from_its_file(tmp_path: Path) -> None:
    shipped = load_errors()
    shipped.save(tmp_path / "errors.json")
    again = load_errors(tmp_path / "errors.json")
    assert isinstance(again, CueErrors)
    np.testing.assert_array_equal(again.taps, shipped.taps)
    assert again.gain_spread == shipped.gain_spread


def test_no_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no errors of cues"):
        load_errors(tmp_path / "none.json")
    with pytest.raises(InputError, match="at least two clips"):
        fit_errors([], [])
