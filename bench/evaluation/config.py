"""How to evaluate. Light at import."""

from dataclasses import dataclass, field

from ...core.options import check_ranges, option, within


@dataclass(frozen=True)
class EvaluateConfig:
    """How to evaluate.

    Attributes:
        families: scores to compute, keys of `lipstream.bench.metrics.FAMILIES`.
        jobs: processes that score, beside the one that enhances.
        examples: recordings of each set, spread over it, whose signals are kept to be heard and seen.
        noisy: whether the recordings themselves are scored as well.
        costs: whether the cost of each system is measured at the end.

    Raises:
        InputError: a number out of range.
    """

    families: tuple[str, ...]
    jobs: int = field(default=1, metadata=option("processes that score", "N") | within(1))
    examples: int = field(
        default=3,
        metadata=option("recordings of each set to see and to hear in the report", "N") | within(0),
    )
    noisy: bool = True
    costs: bool = True

    def __post_init__(self) -> None:
        check_ranges(self)
