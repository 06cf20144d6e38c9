"""The tables of the study: each fusion against the project's own, by paired tests."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...bench.evaluation.comparison import Comparison, compare_paired
from .scoring import Item, Scored, Verdicts

#: Scores that are tested, with the digits that mean something and the heads of their columns.
_TESTED = (("si_sdr_db", 2, "SI-SDR, dB"), ("estoi", 3, "ESTOI"), ("pesq_wb", 2, "PESQ-WB"))
_HEADS = ("model", "latency, ms", "alpha")


@dataclass(frozen=True)
class Part:
    """One part of the table: which lips are seen, and which items count."""

    title: str
    lips: str
    counts: Callable[[Item], bool]


PARTS = (
    Part("Right lips, all", "right", lambda item: True),
    Part("Right lips, competing talker", "right", lambda item: item.sound == "talker"),
    Part("Right lips, noise", "right", lambda item: item.sound != "talker"),
    Part("Right lips, speakers that encoder C has not met", "right", lambda item: item.stranger),
    Part("Another person's lips, all", "wrong person", lambda item: True),
)


def table_of(
    verdicts: Verdicts, items: Sequence[Item], reference: str, latency_ms: Mapping[str, float]
) -> str:
    """The parts as Markdown: means, and differences to the reference with their 95 % intervals and p.

    Args:
        verdicts: of all models on the items.
        items: in the order of the verdicts.
        reference: name of the model that the others are compared with.
        latency_ms: of each model.
    """
    return "\n\n".join(_part_of(part, verdicts, items, reference, latency_ms) for part in PARTS)


def _part_of(
    part: Part,
    verdicts: Verdicts,
    items: Sequence[Item],
    reference: str,
    latency_ms: Mapping[str, float],
) -> str:
    chosen = [index for index, item in enumerate(items) if part.counts(item)]
    if not chosen:
        return f"{part.title}: no items"
    heads = [*_HEADS]
    for _, _, title in _TESTED:
        heads += [title, "difference (95 % interval)", "p: t, Wilcoxon"]
    rows = [heads, ["---"] * len(heads)]
    scored = {name: [rows[index] for index in chosen] for name, rows in verdicts[part.lips].items()}
    for name, own in scored.items():
        alpha = float(np.mean([one.alpha for one in own]))
        cells = [name, f"{latency_ms[name]:g}", f"{alpha:.2f}"]
        for metric, digits, _ in _TESTED:
            cells += _cells(compared(metric, scored[reference], own), digits, name == reference)
        rows.append(cells)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"{part.title} ({len(chosen)} items):", "", *lines])


def compared(metric: str, reference: Sequence[Scored], own: Sequence[Scored]) -> Comparison:
    """A model against the reference, over the items on which both have the score."""
    pairs = [(a.scores[metric], b.scores[metric]) for a, b in zip(reference, own, strict=True)]
    finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
    return compare_paired(metric, [a for a, _ in finite], [b for _, b in finite])


def _cells(found: Comparison, digits: int, is_reference: bool) -> list[str]:
    mean = f"{found.mean_b:.{digits}f}"
    if is_reference:
        return [mean, "", ""]
    low, high = found.ci95
    interval = f"{found.difference:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"
    return [mean, interval, f"{found.p_t:.2g}, {found.p_w:.2g}"]
