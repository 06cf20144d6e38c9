"""Scores of recordings: a leaf that nothing else of the bench is needed for, so that training uses it too."""

from .intrusive import SAMPLE_RATE, Wave, check_pair, estoi, is_silent, pesq_wb, si_sdr, stoi
from .scoring import FAMILIES, METRICS, Metric, check_families, score

__all__ = [
    "FAMILIES",
    "METRICS",
    "SAMPLE_RATE",
    "Metric",
    "Wave",
    "check_families",
    "check_pair",
    "estoi",
    "is_silent",
    "pesq_wb",
    "score",
    "si_sdr",
    "stoi",
]
