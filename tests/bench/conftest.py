"""Signals and a runtime shared by the tests of the bench."""

from collections.abc import Callable

import numpy as np
import pytest

from lipstream.stream.runtimes.base import StreamSpec

SAMPLE_RATE = 16000


@pytest.fixture(scope="session")
def speech_like() -> Callable[[float], np.ndarray]:
    """Makes so many seconds of a gliding voice in syllables of 0.25 s, in which PESQ finds utterances."""

    def make(seconds: float) -> np.ndarray:
        time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * time)) / SAMPLE_RATE
        formant = 4 + 2 * np.sin(2 * np.pi * 3 * time)
        voice = sum(np.sin(k * phase) * np.exp(-((k - formant) ** 2) / 18) for k in range(1, 25))
        breath = 0.02 * np.random.default_rng(0).standard_normal(time.size)
        syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, None)
        return (0.1 * syllables * (voice + breath)).astype(np.float32)

    return make


class PassThrough:
    """A runtime that gives its input back, late by window - hop; the lips' brightness is their embedding.

    Attributes:
        seen: for each hop since the reset, the embedding and its age.
    """

    spec = StreamSpec("pass-through", SAMPLE_RATE, 400, 200, 1, 96)
    state_bytes = 800

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last_hop = np.zeros(200, np.float32)
        self.seen: list[tuple[float, float]] = []

    def process_hop(
        self, hop: np.ndarray, embedding: np.ndarray, video_age_s: float, dry: float
    ) -> tuple[np.ndarray, float]:
        self.seen.append((float(embedding[0]), video_age_s))
        out, self._last_hop = self._last_hop, hop.copy()
        return out, 0.0

    def encode_lips(self, crop: np.ndarray) -> np.ndarray:
        return np.array([crop[0, 0, 0]], np.float32)


@pytest.fixture
def pass_through() -> PassThrough:
    """A fresh `PassThrough` runtime."""
    return PassThrough()
