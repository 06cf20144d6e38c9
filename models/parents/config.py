"""What the parents have in common: a centred STFT with compressed magnitudes, and sizes read from weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from ...errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class Offsets(NamedTuple):
    """Small numbers that a parent adds: to the power of a bin, and to its parts before the phase is taken."""

    power: float
    real: float
    imag: float


@dataclass(frozen=True, kw_only=True)
class ParentConfig(ABC):
    """The transform of a parent; the defaults are the published ones, for 16 kHz.

    Attributes:
        n_fft, hop_size, win_size: of the STFT, in samples.
        compress_factor: exponent on the magnitudes.
        beta: largest value of the magnitude mask.

    Raises:
        InputError: a value is out of its range.
    """

    #: What the analysis adds to a spectrum; None for nothing.
    offsets: ClassVar[Offsets | None] = None
    #: Fields that count something, so that 1 is the least.
    counts: ClassVar[tuple[str, ...]] = ()

    n_fft: int = 400
    hop_size: int = 100
    win_size: int = 400
    compress_factor: float = 0.3
    beta: float = 2.0

    def __post_init__(self) -> None:
        for name in (*self.counts, "n_fft", "hop_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_fft % 4:
            raise InputError(
                f"n_fft must be a multiple of 4, for the codec halves its bins, got {self.n_fft}"
            )
        if not self.hop_size <= self.win_size // 2 <= self.n_fft // 2:
            raise InputError(
                f"hop_size {self.hop_size} must be at most half of win_size {self.win_size}, "
                f"and win_size at most n_fft {self.n_fft}"
            )
        if not 0.0 < self.compress_factor <= 1.0:
            raise InputError(f"compress_factor must be above 0 and at most 1, got {self.compress_factor}")
        if not self.beta > 0.0:
            raise InputError(f"beta must be above 0, got {self.beta}")

    @classmethod
    @abstractmethod
    def of_weights(cls, weights: "Mapping[str, Tensor]") -> Self:
        """The sizes that the shapes of a state dict tell.

        Raises:
            LookupError: it is that of another model.
        """

    @property
    def bins(self) -> int:
        """Frequency bins F of one frame."""
        return self.n_fft // 2 + 1
