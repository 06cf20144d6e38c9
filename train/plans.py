"""What the commands that make sounds are asked to make. Light at import."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..core.options import check_ranges, option, within
from ..errors import InputError

#: Conditions that a test set can have.
KINDS = ("noise", "babble", "talker", "synthetic", "clean")


@dataclass(frozen=True)
class SamplePlan:
    """A small data set to try a training with.

    Attributes:
        folder: where ``speech`` and ``noise`` go; must be empty or not there.
        speakers: how many, each a folder.
        takes: files of each speaker.
        noises: files of noise.
        seed: of everything.

    Raises:
        InputError: a count below its least: 2, for one is held out.
    """

    folder: Path
    speakers: int = field(default=20, metadata=option("voices", "N") | within(2))
    takes: int = field(default=2, metadata=option("files of each", "N") | within(1))
    noises: int = field(default=40, metadata=option("files of noise", "N") | within(2))
    seed: int = field(default=1, metadata=option("of voices, texts and noise", "N") | within(0))

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class SetPlan:
    """A test set that is mixed.

    Attributes:
        folder: where it goes; must be empty or not there.
        kinds: of `KINDS`.
        snrs_db: each kind is mixed at each of them, but for clean speech.
        each: mixtures of each kind at each SNR.
        seconds: length of a mixture.
        rooms: how often speech is heard in a room, from 0 to 1.
        seed: of everything.

    Raises:
        InputError: an unknown kind, or a number out of its range.
    """

    folder: Path
    kinds: tuple[str, ...] = field(
        default=("noise", "babble", "talker"), metadata=option(", ".join(KINDS), "KIND", "--kind")
    )
    snrs_db: tuple[float, ...] = field(
        default=(-5.0, 0.0, 5.0, 10.0), metadata=option("SNRs of noise and talkers", "DB", "--snr")
    )
    each: int = field(default=5, metadata=option("mixtures of a kind at an SNR", "N") | within(1))
    seconds: float = field(default=5.0, metadata=option("of each", "S") | within(above=0, unit="s"))
    rooms: float = field(default=0.0, metadata=within(0, 1))
    seed: int = field(default=1, metadata=option("of everything", "N") | within(0))

    def __post_init__(self) -> None:
        check_ranges(self)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise InputError(f"there is no kind '{unknown[0]}': choose of {', '.join(KINDS)}")
        if not self.kinds or not self.snrs_db:
            raise InputError("a kind and an SNR are needed at least")

    def conditions(self) -> Iterator[tuple[str, float | None]]:
        """Each kind with each SNR in dB, None for clean speech."""
        for kind in self.kinds:
            yield from ((kind, snr) for snr in ((None,) if kind == "clean" else self.snrs_db))
