"""Scores of single files without a reference, whatever format, rate and number of channels they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...stream.audio_files import open_audio
from ..data.recordings import at_scored_rate
from ..metrics.non_intrusive import CALIBRATION, dnsmos, require


@dataclass(frozen=True)
class Dnsmos:
    """DNSMOS P.835 of the first channel of a file.

    Raises:
        InputError: the extra 'bench' is not installed.
    """

    def __post_init__(self) -> None:
        require("dnsmos")

    @property
    def names(self) -> Sequence[str]:
        """``dnsmos_sig``, ``dnsmos_bak``, ``dnsmos_ovrl``."""
        return tuple(CALIBRATION)

    def __call__(self, path: Path) -> Mapping[str, float]:
        """The scores, about 1 to 5; NaN for silence. The sound is held in memory: 4 MB a minute at 16 kHz.

        Raises:
            InputError: the file cannot be read.
        """
        with open_audio(path) as reader:
            rate = reader.layout.sample_rate
            first = np.concatenate([block[:, 0] for block in reader.blocks(rate)])
        return {name: round(score, 3) for name, score in dnsmos(at_scored_rate(first, rate)).items()}
