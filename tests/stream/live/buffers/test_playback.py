"""A sink about to break off: it gives a worker in a thread a moment, and no more than that."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from lipstream.stream.controls import Controls
from lipstream.stream.devices.endpoints import EndpointInfo
from lipstream.stream.dsp.clock import MonotonicClock
from lipstream.stream.live.buffers import playback
from lipstream.stream.live.buffers.estimate import BufferedAudio
from lipstream.stream.live.buffers.playback import PlaybackBuffer

RATE, BLOCK = 16_000, 160
Make = Callable[[bool, float], PlaybackBuffer]
SOUND = np.full(BLOCK, 0.5, np.float32)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a buffer that plays; a callback waits for the given number of seconds at most."""

    def make(patient: bool, longest_s: float) -> PlaybackBuffer:
        monkeypatch.setattr(playback, "PATIENCE", longest_s * RATE / BLOCK)
        made = PlaybackBuffer(
            EndpointInfo("sink", RATE, BLOCK, 0.0, "clock"),
            MonotonicClock(),
            BufferedAudio(RATE, RATE),
            Controls(),
            patient,
        )
        made.put(SOUND)
        made.put(SOUND)
        assert render(made) > 0.5  # it fades in
        return made

    return make


def render(made: PlaybackBuffer) -> float:
    """Fetch a block; gives the share of it that is the sound."""
    block = np.zeros(BLOCK, np.float32)
    made.render(block, time.perf_counter())
    return float(np.mean(block == 0.5))


def test_audio_that_comes_a_moment_late_is_played_without_an_underrun(make: Make) -> None:
    made = make(True, 30.0)
    assert render(made) == 1.0  # what was ready
    worker = threading.Timer(0.1, made.put, [SOUND])
    worker.start()
    assert render(made) == 1.0
    worker.join()
    assert made.underruns == 0


@pytest.mark.parametrize("patient", [False, True])
def test_audio_that_does_not_come_is_an_underrun(make: Make, patient: bool) -> None:
    made = make(patient, 0.02)
    render(made)
    assert render(made) < 1.0
    assert made.underruns == 1


def test_nobody_waits_without_threads_or_once_the_audio_has_broken_off(make: Make) -> None:
    impatient = make(False, 30.0)
    patient = make(True, 0.02)
    for made in (impatient, patient):
        render(made)
        render(made)
    playback.PATIENCE = 3000.0
    begun_s = time.perf_counter()
    for made in (impatient, patient):
        for _ in range(5):
            render(made)
    assert time.perf_counter() - begun_s < 20.0  # a wait would take half a minute
    assert impatient.underruns == patient.underruns == 1
