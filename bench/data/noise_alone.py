"""Noise without speech, of which an enhancer should leave nothing: what is heard while nobody speaks."""

import math
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from .builtin import RecordingSet, read_entry
from .recordings import Item

#: Kinds of noise, by a part of their name, that are single short sounds and not a hum or a murmur.
TRANSIENT = ("keyboard", "typewriter")

NOISE, TRANSIENTS = "noise alone", "transients alone"


class NoiseAloneSet:
    """The noise of the test set audio's recordings in noise: the noisy recording less its clean speech.

    An item's ``clean`` is the noise itself, which `attenuation_db` holds the output against.

    Args:
        data: the data folder; see `default_data_folder` for None.

    Raises:
        InputError: the test set is not there, its list cannot be read, or it holds no noise.
    """

    name = "noise"
    videos: tuple[tuple[str, Path], ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, data: Path | None = None) -> None:
        self._entries = [entry for entry in RecordingSet("audio", data).entries if entry.condition == "noise"]
        if not self._entries:
            raise InputError("the test set 'audio' holds no recordings in noise")

    @property
    def ids(self) -> list[str]:
        """The recording whose noise it is."""
        return [entry.id for entry in self._entries]

    def __iter__(self) -> Iterator[Item]:
        for entry in self._entries:
            item = read_entry(entry)
            noise = item.noisy - item.clean
            short = any(name in entry.interference for name in TRANSIENT)
            yield Item(item.id, TRANSIENTS if short else NOISE, math.inf, noise, noise)
