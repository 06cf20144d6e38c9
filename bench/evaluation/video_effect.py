"""What showing the lips brings, and what a useless or misleading video costs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ..systems.ours import VIDEOS, video_signal
from .results import Record, Results
from .summaries import Mean

METRIC = "si_sdr_db"


@dataclass(frozen=True)
class VideoEffect:
    """SI-SDR with a video against the same system from sound alone, over a group of recordings.

    Attributes:
        system, group: which system on which recordings.
        sound_alone: SI-SDR in dB from sound alone.
        change: by kind of video, the change of SI-SDR in dB.
        alpha: by kind of video, the mean confidence in it.
    """

    system: str
    group: str
    sound_alone: Mean
    change: Mapping[str, Mean]
    alpha: Mapping[str, Mean]


def video_effects(results: Results) -> list[VideoEffect]:
    """The effect of each kind of video: for each condition, each kind of speaker in it, and all together."""
    effects = []
    for system in results.signals:
        kinds = [kind for kind in VIDEOS if video_signal(system, kind) in results.signals]
        scored = [item for item in results.items if kinds and _is_scored(item, system, kinds)]
        for label, items in _groups(scored):
            effects.append(
                VideoEffect(
                    system,
                    label,
                    Mean.of([item.scores[system][METRIC] for item in items]),
                    {kind: Mean.of([_change(item, system, kind) for item in items]) for kind in kinds},
                    {kind: _mean_alpha(results, items, video_signal(system, kind)) for kind in kinds},
                )
            )
    return effects


def _groups(items: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    for condition in dict.fromkeys(item.condition for item in items):
        of_condition = [item for item in items if item.condition == condition]
        yield condition, of_condition
        for kind in dict.fromkeys(item.kind for item in of_condition if item.kind):
            yield f"{condition}, {kind}", [item for item in of_condition if item.kind == kind]
    if items:
        yield "all", list(items)


def _is_scored(item: Record, system: str, kinds: Sequence[str]) -> bool:
    signals = [system, *(video_signal(system, kind) for kind in kinds)]
    return all(math.isfinite(item.scores.get(signal, {}).get(METRIC, math.nan)) for signal in signals)


def _change(item: Record, system: str, kind: str) -> float:
    return item.scores[video_signal(system, kind)][METRIC] - item.scores[system][METRIC]


def _mean_alpha(results: Results, items: Sequence[Record], signal: str) -> Mean:
    wanted = {item.key for item in items}
    traces = [
        trace for trace in results.alpha if trace.signal == signal and (trace.dataset, trace.id) in wanted
    ]
    return Mean.of([fmean(trace.values) for trace in traces if trace.values])
