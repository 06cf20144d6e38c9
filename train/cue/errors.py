"""How the cues of encoder C err, in numbers that are fitted to cues of speakers it had not met.

The model, in units of 10 dB and of 40 ms. The mean of a cue hears the truth through a short filter that mixes
the levels, and adds errors that follow each other::

    mean[t] = gain * sum_l truth[t - l] @ taps[l] + size * error[t]
    error[t] = error[t - 1] @ memory + noise[t] @ draw

``gain`` and ``size`` are drawn for each clip: some faces say more than others. The log variance is regressed
on what is said, its square, how long the stream has run, and the error that is really made, so that it knows
as much about its own error as the encoder's does; the rest is noise with a memory.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...core.storage import written_whole
from ...errors import InputError
from ...models.lips.landmarks import LEVELS
from .evaluation import Prediction

#: The fit that ships, of the shipped recipe.
ERRORS_FILE = Path(__file__).parent / "errors.json"
#: The filter reaches from one tick ahead, as lips move before they are heard, to so many behind.
_AHEAD, _BEHIND = 1, 3
_RIDGE = 10.0
#: Ticks over which the beginning of a stream fades.
_START_TICKS = 15.0
_FLOOR = 0.05
#: A mean that is farther off is as far for its log variance: squares must not run away.
_MOST = 2.5

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CueErrors:
    """A fitted model, see the module.

    Attributes:
        taps: ``[lags, 5, 5]``, from one tick ahead to three behind; row: what is heard, column: what is said.
        memory, draw: ``[5, 5]`` each.
        gain_spread, size_spread: standard deviations of the gain, and of the logarithm of the size.
        surety: ``[17, 5]``: of the log variance on 1, start, 5 means, 5 squared means, 5 log squared errors.
        surety_memory, surety_draw: ``[5]`` and ``[5, 5]``: noise of the log variance.
        surety_range: ``[2, 5]``, least and most that the log variance is: what all but one in a hundred are.
        still_mean, still_spread: ``[5]`` each: mean of a cue of a still face, and how it differs from one
            still face to another.
        still_log_variance: ``[5]``.
    """

    taps: Float64
    memory: Float64
    draw: Float64
    gain_spread: float
    size_spread: float
    surety: Float64
    surety_memory: Float64
    surety_draw: Float64
    surety_range: Float64
    still_mean: Float64
    still_spread: Float64
    still_log_variance: Float64

    def simulate(self, truth: Float32, rng: np.random.Generator) -> Float32:
        """The cue that lips would give.

        Args:
            truth: ``[T, 5]``, see `true_cue`.
            rng: drives it.

        Returns:
            float32 ``[T, 10]``: means, log variances.
        """
        ticks = len(truth)
        gain = 1.0 + self.gain_spread * rng.standard_normal()
        size = np.exp(self.size_spread * rng.standard_normal())
        heard = np.einsum("tlj,ljk->tk", _lags(truth), self.taps)
        mean = gain * heard + size * _follow(rng.standard_normal((ticks, LEVELS)) @ self.draw, self.memory)
        noise = rng.standard_normal((ticks, LEVELS)) @ self.surety_draw
        log_variance = _reasons(truth, mean) @ self.surety + _follow(noise, np.diag(self.surety_memory))
        log_variance = log_variance.clip(*self.surety_range)
        return np.concatenate([mean, log_variance], axis=1).astype(np.float32)

    def still(self, ticks: int, rng: np.random.Generator) -> Float32:
        """The cue of a face that does not move: float32 ``[ticks, 10]``, the same at every tick."""
        mean = self.still_mean + self.still_spread * rng.standard_normal(LEVELS)
        return np.tile(np.concatenate([mean, self.still_log_variance]), (ticks, 1)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            InputError: the file cannot be written.
        """
        table = {field.name: np.round(getattr(self, field.name), 5).tolist() for field in fields(self)}
        try:
            with written_whole(path) as partial:
                lines = (f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in table.items())
                partial.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write '{path}': {error}") from error


def load_errors(path: Path = ERRORS_FILE) -> CueErrors:
    """A fit from its file.

    Raises:
        InputError: no such file, or no fit.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        numbers: dict[str, Any] = {
            name: float(value) if isinstance(value, float | int) else np.array(value, np.float64)
            for name, value in table.items()
        }
        return CueErrors(**numbers)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} holds no errors of cues: make it with lipstream cue evaluate --errors"
        ) from error


def fit_errors(predictions: Sequence[Prediction], still: Sequence[Prediction]) -> CueErrors:
    """Fit the model.

    Args:
        predictions: of speakers that the encoder had not met, each speaker with a similar number of clips.
        still: of faces that do not move.

    Raises:
        InputError: too few of them.
    """
    if len(predictions) < 2 or not still:
        raise InputError("errors need cues of at least two clips, and of still faces")
    lags = [_lags(clip.truth).reshape(len(clip.truth), -1) for clip in predictions]
    said = [clip.mean.astype(np.float64) for clip in predictions]
    taps = _ridge(np.concatenate(lags), np.concatenate(said)).reshape(-1, LEVELS, LEVELS)
    heard = [rows @ taps.reshape(-1, LEVELS) for rows in lags]
    gains = np.array([(a * b).sum() / ((b * b).sum() + 1e-6) for a, b in zip(said, heard, strict=True)])
    rest = [a - gain * b for a, b, gain in zip(said, heard, gains, strict=True)]
    sizes = np.log([np.sqrt((error**2).mean()) for error in rest])
    level = np.exp(sizes - sizes.mean())
    memory, draw = _autoregression([error / size for error, size in zip(rest, level, strict=True)])
    reasons = [_reasons(clip.truth, clip.mean) for clip in predictions]
    told = [clip.log_variance.astype(np.float64) for clip in predictions]
    surety = _ridge(np.concatenate(reasons), np.concatenate(told))
    surety_memory, surety_draw = _autoregression(
        [a - b @ surety for a, b in zip(told, reasons, strict=True)], diagonal=True
    )
    stills = np.array([clip.mean[len(clip.mean) // 2 :].mean(0) for clip in still])
    still_log_variance = np.mean([clip.log_variance[len(clip.mean) // 2 :].mean(0) for clip in still], axis=0)
    fit = CueErrors(
        taps=taps,
        memory=memory,
        draw=draw,
        gain_spread=float(gains.std()),
        size_spread=float(sizes.std()),
        surety=surety,
        surety_memory=np.diag(surety_memory),
        surety_draw=surety_draw,
        surety_range=np.percentile(np.concatenate(told), (0.5, 99.5), axis=0),
        still_mean=stills.mean(0),
        still_spread=stills.std(0),
        still_log_variance=still_log_variance,
    )
    return _matched(fit, predictions)


def _matched(fit: CueErrors, predictions: Sequence[Prediction]) -> CueErrors:
    """The fit with log variances that know as much of the error, and are as sure, in simulation as they are.

    A regression on simulated errors finds less than one on real errors, which come where lips are ambiguous.
    """
    real, _ = _knowledge(predictions)
    tried = []
    for factor in np.arange(1.0, 3.01, 0.25):
        surety = fit.surety.copy()
        surety[-LEVELS:] *= factor
        candidate = replace(fit, surety=surety)
        found, sure = _knowledge(_simulated(candidate, predictions))
        tried.append((abs(found - real), candidate, sure))
    _, best, sure = min(tried, key=lambda entry: entry[0])
    surety = best.surety.copy()
    surety[0] += sure - _knowledge(predictions)[1]
    return replace(best, surety=surety)


def _simulated(fit: CueErrors, predictions: Sequence[Prediction]) -> list[Prediction]:
    rng = np.random.default_rng(0)
    cues = [(clip, fit.simulate(clip.truth, rng)) for clip in predictions for _ in range(2)]
    return [Prediction(clip.speaker, cue[:, :LEVELS], cue[:, LEVELS:], clip.truth) for clip, cue in cues]


def _knowledge(clips: Sequence[Prediction]) -> tuple[float, Float64]:
    """Correlation of log variance and log squared error, mean over levels; log of mean squared z ``[5]``."""
    mean, log_variance, truth = (
        np.concatenate(part).astype(np.float64) for part in list(zip(*clips, strict=True))[1:]
    )
    error = (truth - mean) ** 2
    pairs = zip(log_variance.T, np.log(error + _FLOOR).T, strict=True)
    found = np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs])
    return float(found), np.asarray(np.log((error / np.exp(log_variance)).mean(0)))


def _lags(truth: Float32) -> Float64:
    """``[T, lags, 5]``: the truth around each tick; beyond its ends it stays as it is there."""
    index = np.arange(len(truth))[:, None] - np.arange(-_AHEAD, _BEHIND + 1)
    return np.asarray(truth[index.clip(0, len(truth) - 1)], np.float64)


def _reasons(truth: Float32, mean: Float32 | Float64) -> Float64:
    """What a log variance depends on, ``[T, 17]``."""
    ticks = len(truth)
    start = np.exp(-np.arange(ticks) / _START_TICKS)[:, None]
    error = np.log((truth - mean) ** 2 + _FLOOR)
    said = np.clip(mean, -_MOST, _MOST)
    return np.concatenate([np.ones((ticks, 1)), start, said, np.square(said), error], axis=1).astype(
        np.float64
    )


def _ridge(x: Float64, y: Float64) -> Float64:
    return np.asarray(np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y))


def _autoregression(series: Sequence[Float64], diagonal: bool = False) -> tuple[Float64, Float64]:
    """Memory and draw of a first-order process of each: ``x[t] = x[t - 1] @ memory + noise @ draw``."""
    before = np.concatenate([part[:-1] for part in series])
    after = np.concatenate([part[1:] for part in series])
    memory = _ridge(before, after)
    if diagonal:
        memory = np.diag((before * after).sum(0) / (before**2).sum(0))
    noise = after - before @ memory
    return memory, np.asarray(np.linalg.cholesky(np.cov(noise.T) + 1e-6 * np.eye(LEVELS)).T)


def _follow(noise: Float64, memory: Float64) -> Float64:
    """A process with this noise that has run for a while."""
    out, last = np.empty_like(noise), np.zeros(LEVELS)
    for _ in range(2):  # the first pass is to forget that it began
        for tick in range(len(noise)):
            last = last @ memory + noise[tick]
            out[tick] = last
    return out
