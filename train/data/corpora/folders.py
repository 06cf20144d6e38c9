"""Any folder of speech, noise or room impulse responses."""

from collections.abc import Iterator
from pathlib import Path

from ..manifest import UNKNOWN_LICENCE, Item
from .pools import pool
from .scan import AUDIO, HELD_OUT_NOISE, Adapter, files_below, held_out

HELD_OUT_SPEAKERS = 0.05


def speech_folder(
    source: str = "speech",
    licence: str = UNKNOWN_LICENCE,
    speaker_depth: int = 1,
    share: float = HELD_OUT_SPEAKERS,
) -> Adapter:
    """Every audio file below a folder as speech.

    Args:
        source: the name of the collection.
        licence: of all of it.
        speaker_depth: which folder names the speaker: 1 the one right below, 2 the one below that, ...; a
            file that is not that deep has a speaker of its own.
        share: of the speakers that is kept for validation.
    """

    def speaker(file: Path) -> str:
        deep = len(file.parts) > speaker_depth
        return f"{source}/{file.parts[speaker_depth - 1] if deep else file.stem}"

    def find(folder: Path) -> Iterator[Item]:
        files = list(files_below(folder, AUDIO))
        kept = held_out(map(speaker, files), share)
        for file in files:
            split = "valid" if speaker(file) in kept else "train"
            yield Item("speech", file.as_posix(), source, speaker(file), split, licence=licence)

    return Adapter("speech", "any folder of clean speech", _LAYOUT, find)


def noise_folder(
    source: str = "noise", licence: str = UNKNOWN_LICENCE, share: float = HELD_OUT_NOISE
) -> Adapter:
    """Every audio file below a folder as noise; parameters as in `speech_folder`, of recordings."""

    def find(folder: Path) -> Iterator[Item]:
        yield from pool(files_below(folder, AUDIO), source, licence, share=share)

    return Adapter("noise", "any folder of noise", _LAYOUT, find)


def rir_folder(source: str = "rir", licence: str = UNKNOWN_LICENCE, share: float = HELD_OUT_NOISE) -> Adapter:
    """Every audio file below a folder as an impulse response, but for those that call themselves noise.

    Collections such as RIRS_NOISES hold the noise of their rooms beside the responses.
    """

    def find(folder: Path) -> Iterator[Item]:
        files = (file for file in files_below(folder, AUDIO) if "noise" not in file.stem.lower())
        yield from pool(files, source, licence, kind="rir", share=share)

    return Adapter("rir", "any folder of room impulse responses", _LAYOUT, find)


_LAYOUT = f"audio files ({', '.join(sorted(AUDIO))}) at any depth"
