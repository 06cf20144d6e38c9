"""What is evaluated: anything that enhances recordings, in one protocol; and folders of others' output."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ...core.arrays import Float32
from ..data.recordings import Item, Recordings, align_length, audio_files, read_speech, require_names
from ..speed.cost import Cost


class Output(NamedTuple):
    """One signal: float32 ``[samples]`` at 16 kHz, and the confidence in the video every 20 ms, if any."""

    wave: Float32
    alpha: list[float] | None = None


class System(Protocol):
    """Something that enhances recordings: a model on a runtime, an offline form, a peer, a folder of files.

    Attributes:
        name: what its signals are called in reports.
    """

    name: str

    def outputs(self, item: Item) -> dict[str, Output]:
        """Its signals of a recording by name, each aligned with the recording and as long.

        Raises:
            InputError: the recording holds nothing noisy where it needs that.
            PeerError: it broke down; the others can go on.
        """
        ...

    def cost(self) -> Cost | None:
        """What it costs to run, asked after the last recording; None where that cannot be told."""
        return None

    def close(self) -> None:
        """Let go of what it holds; twice does no harm."""
        return


class FolderSystem(System):
    """A folder of recordings that are enhanced already, each named as its recording or its noisy file.

    Args:
        name: in reports.
        folder: of audio files.
        recordings: what will be evaluated.

    Raises:
        InputError: the folder lacks a file.
    """

    def __init__(self, name: str, folder: Path, recordings: Sequence[Recordings]) -> None:
        self.name = name
        self._files = {stem.removesuffix(".noisy"): path for stem, path in audio_files(folder).items()}
        require_names([name for entry in recordings for name in entry.ids], self._files, f"'{folder}'")

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME``: the file of the recording."""
        path = self._files[item.id]
        return {self.name: Output(align_length(read_speech(path), item.clean.size, f"'{path}'"))}
