"""What every peer offers the bench."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ....stream.runtimes.base import Float32

__all__ = ["Float32", "Peer", "in_frames"]


class Peer(Protocol):
    """An enhancer the way its own users run it: at its own rate, frame by frame where it streams."""

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the waves it takes and gives."""
        ...

    @property
    def frame_samples(self) -> int | None:
        """Samples that must be there before it can be called.

        0 where it takes any number and holds back its output instead; None where it needs the whole
        recording.
        """
        ...

    def reset(self) -> None:
        """Forget all sound: the next wave is the first of a new stream."""
        ...

    def enhance(self, wave: Float32) -> Float32:
        """Enhance a recording, float32 ``[samples]``, as a stream.

        Returns:
            float32 ``[samples]``, late by the peer's own lag, which is constant.
        """
        ...


def in_frames(step: Callable[[Float32], Float32], wave: Float32, frame_samples: int) -> Float32:
    """Feed a wave frame by frame, the last one filled up with silence.

    Args:
        step: float32 ``[frame_samples]`` in, float32 ``[frame_samples]`` out.
        wave: float32 ``[samples]``.

    Returns:
        float32 ``[samples]``.
    """
    padded = np.pad(wave, (0, -wave.size % frame_samples))
    return np.concatenate([step(frame) for frame in padded.reshape(-1, frame_samples)])[: wave.size]
