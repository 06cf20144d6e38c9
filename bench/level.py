"""Whether speech keeps its level: an enhancer that turns speech down along with the noise eats it."""

import math

import numpy as np

from .metrics import Wave, check_pair, is_silent

#: Frames of 16 ms at 16 kHz, of which those count whose clean level is within 40 dB of the loudest one: the
#: activity rule of STOI (Taal et al., IEEE TASLP 2011, section II).
FRAME = 256
DYNAMIC_RANGE_DB = 40.0


def level_error_db(reference: Wave, estimate: Wave) -> float:
    """Level of the estimate over the level of the reference, in dB, where the reference holds speech.

    Noise that is left raises it and speech that is lost lowers it: read it where little noise is left, on
    clean input before all.

    Args:
        reference, estimate: float ``[samples]`` at 16 kHz, aligned.

    Returns:
        The error, 0 for the same level; NaN for silence and for less than a frame.

    Raises:
        InputError: as `lipstream.bench.metrics.score`.
    """
    check_pair(reference, estimate)
    count = reference.size // FRAME
    if is_silent(reference) or is_silent(estimate) or count == 0:
        return math.nan
    clean, given = (
        np.sum(wave[: count * FRAME].astype(np.float64).reshape(count, FRAME) ** 2, axis=1)
        for wave in (reference, estimate)
    )
    active = clean > clean.max() * 10 ** (-DYNAMIC_RANGE_DB / 10)
    spoken, heard = float(np.sum(clean[active])), float(np.sum(given[active]))
    return 10 * math.log10(heard / spoken) if spoken and heard else math.nan
