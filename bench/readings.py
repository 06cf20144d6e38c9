"""Numbers that two runs of a measurement can be compared by, and how far each can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: A measurement is cut into so many parts in order; how far they differ is its noise.
PARTS = 5


@dataclass(frozen=True)
class Reading:
    """One number of a report.

    Attributes:
        name: what it is, part by part with dots, such as ``latency.lite.native.hop``.
        value: in ``unit``, above 0 or 0.
        unit: as shown.
        noise_percent: how far it moved while it was measured (`spread_percent`); 0 for what is counted.
        higher_is_better: for most a higher value is worse.
    """

    name: str
    value: float
    unit: str
    noise_percent: float = 0.0
    higher_is_better: bool = False


def spread_percent(values: Sequence[float] | npt.NDArray[np.float64], percentile: float = 50.0) -> float:
    """How far a percentile differs between `PARTS` consecutive parts, in percent of that of all values.

    Other work on the machine and a changing clock show here; what they do evenly does not.
    """
    whole = float(np.percentile(values, percentile))
    parts = np.array_split(np.asarray(values, dtype=np.float64), min(PARTS, len(values)))
    each = [float(np.percentile(part, percentile)) for part in parts]
    return 100 * (max(each) - min(each)) / whole if whole > 0 else 0.0
