"""Whether two results differ: paired tests over the recordings that both have."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ...errors import InputError
from ..data.recordings import NOISY
from ..metrics.scoring import METRICS
from .results import Results

#: Columns of `comparison_cells`.
COMPARISON_HEADERS = (
    "",
    "pairs",
    "A",
    "B",
    "B - A",
    "95 % interval",
    "t",
    "p (t)",
    "p (Wilcoxon)",
    "Cohen's d",
)


@dataclass(frozen=True)
class Comparison:
    """B against A in one score, over recordings that both have; NaN where there are too few.

    Attributes:
        metric: name of the score.
        count: pairs.
        mean_a, mean_b: means of both over the pairs.
        difference: mean of B - A.
        ci95: 95 % confidence interval of the mean difference, by Student's t.
        t, p_t: paired t-test, two-sided.
        w, p_w: Wilcoxon signed-rank test, two-sided.
        cohens_d: effect size d_z, the mean difference over its standard deviation.
        undefined: recordings of both that are no pair, as one of them has no such score.
    """

    metric: str
    count: int
    mean_a: float
    mean_b: float
    difference: float
    ci95: tuple[float, float]
    t: float
    p_t: float
    w: float
    p_w: float
    cohens_d: float
    undefined: int = 0


def compare_paired(metric: str, a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Test whether the pairs of ``a`` and ``b`` differ.

    Args:
        metric: name of the score.
        a, b: finite scores of the same recordings in the same order.

    Raises:
        InputError: the two differ in length or are empty.
    """
    if len(a) != len(b) or not a:
        raise InputError(f"{metric}: nothing to compare, {len(a)} and {len(b)} scores: give pairs")
    from scipy import stats

    difference = np.subtract(b, a, dtype=np.float64)
    mean, count = float(difference.mean()), difference.size
    spread = float(difference.std(ddof=1)) if count > 1 else math.nan
    t = p_t = cohens_d = half = math.nan
    w, p_w = 0.0, 1.0
    if spread > 0:
        tested = stats.ttest_rel(b, a)
        t, p_t = float(tested.statistic), float(tested.pvalue)
        half = float(stats.t.ppf(0.975, count - 1)) * spread / math.sqrt(count)
        cohens_d = mean / spread
    if np.any(difference):
        ranked = stats.wilcoxon(difference)
        w, p_w = float(ranked.statistic), float(ranked.pvalue)
    return Comparison(
        metric,
        count,
        float(np.mean(a)),
        float(np.mean(b)),
        mean,
        (mean - half, mean + half),
        t,
        p_t,
        w,
        p_w,
        cohens_d,
    )


def compare_results(
    a: Results, b: Results, signal_a: str, signal_b: str, metrics: Sequence[str] = ()
) -> list[Comparison]:
    """Compare a signal of one file of results with a signal of another, recording by recording.

    Args:
        a, b: results; they may be the same.
        signal_a, signal_b: names of signals in them.
        metrics: names of scores; all that both have if empty.

    Raises:
        InputError: no such signal or score, or no recording in both.
    """
    scores_a, scores_b = _scores_of(a, signal_a), _scores_of(b, signal_b)
    both = [key for key in scores_a if key in scores_b]
    if not both:
        raise InputError("the two have no recording in common: evaluate both on the same set")
    shared = [name for name in METRICS if name in a.metrics and name in b.metrics]
    unknown = set(metrics) - set(shared)
    if unknown or not shared:
        raise InputError(
            f"the two do not both have the score {', '.join(sorted(unknown)) or 'of any name'}: "
            f"choose from {', '.join(shared) or 'files of the same metrics'}"
        )
    comparisons = []
    for metric in metrics or shared:
        pairs = [(scores_a[key].get(metric, math.nan), scores_b[key].get(metric, math.nan)) for key in both]
        finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
        if finite:
            first, second = zip(*finite, strict=True)
            compared = compare_paired(metric, first, second)
            comparisons.append(replace(compared, undefined=len(pairs) - len(finite)))
    return comparisons


def unmatched(a: Results, b: Results, signal_a: str, signal_b: str) -> str:
    """Says how many recordings only one of the two signals has; empty where there are none.

    Raises:
        InputError: no such signal.
    """
    keys_a, keys_b = set(_scores_of(a, signal_a)), set(_scores_of(b, signal_b))
    only = {"A": len(keys_a - keys_b), "B": len(keys_b - keys_a)}
    return ", ".join(f"{count} recordings only in {name}" for name, count in only.items() if count)


def signal_pairs(results: Results) -> list[tuple[str, str]]:
    """Every two signals of a file that share a recording, each against every later one; noisy is first."""
    return [pair for pair in combinations(results.signals, 2) if share_recordings(results, *pair)]


def share_recordings(results: Results, signal_a: str, signal_b: str) -> bool:
    """Whether any recording has both signals."""
    return any({signal_a, signal_b} <= item.scores.keys() for item in results.items)


def only_signal(results: Results, where: str) -> str:
    """The one signal of a file beside noisy.

    Raises:
        InputError: there are none or several; the message names them.
    """
    signals = [name for name in results.signals if name != NOISY]
    if len(signals) != 1:
        raise InputError(f"{where} holds the signals {', '.join(signals) or 'none'}: name one of them")
    return signals[0]


def comparison_cells(entry: Comparison) -> list[str]:
    """A comparison as cells of a table."""
    low, high = entry.ci95
    return [
        METRICS[entry.metric].title,
        f"{entry.count} of {entry.count + entry.undefined}" if entry.undefined else str(entry.count),
        *(f"{value:.3f}" for value in (entry.mean_a, entry.mean_b)),
        f"{entry.difference:+.3f}",
        f"{low:+.3f} to {high:+.3f}",
        f"{entry.t:.2f}",
        *(f"{value:.2g}" for value in (entry.p_t, entry.p_w)),
        f"{entry.cohens_d:+.2f}",
    ]


def _scores_of(results: Results, signal: str) -> dict[tuple[str, str], Mapping[str, float]]:
    found = {item.key: item.scores[signal] for item in results.items if signal in item.scores}
    if not found:
        raise InputError(f"there is no signal '{signal}': choose from {', '.join(results.signals)}")
    return found
