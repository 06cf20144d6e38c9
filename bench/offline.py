"""Time of the bidirectional offline form of a preset: what streaming gives up, and what it gains."""

import time
from dataclasses import dataclass

import torch

from ..models.lite_avse import build
from ..models.wave import WaveModel
from .latency import LEVEL, Clock

#: A single run may differ by so much from the next.
ONE_RUN_NOISE_PERCENT = 10.0


@dataclass(frozen=True)
class OfflineTimes:
    """The offline form on one recording; the fastest of several runs.

    Attributes:
        model: name of the preset.
        seconds: length of the recording: no sample can come out before all of it is in.
        elapsed_s: time to enhance it.
        rtf: real-time factor, ``elapsed_s / seconds``.
        first_output_ms: from building the model until the end of its first run, all input being there.
        noise_percent: how far the runs differ, in percent of the fastest; of a single run a guess.
    """

    model: str
    seconds: float
    elapsed_s: float
    rtf: float
    first_output_ms: float
    noise_percent: float


def measure_offline(
    preset: str, seconds: float = 4.0, runs: int = 3, clock: Clock = time.perf_counter
) -> OfflineTimes:
    """Time the offline form on so many seconds of audio with video, in torch.

    The weights are untrained: they do not change the time.

    Raises:
        InputError: there is no such preset.
    """
    started = clock()
    model = WaveModel(build(preset, causal=False)).eval()
    config = model.net.config
    frames = max(1, round(seconds * config.stft.frames_per_second))
    wave = LEVEL * torch.randn(1, frames * config.stft.hop)
    embedding, age_s = torch.randn(1, frames, config.visual.embedding_size), torch.zeros(1, frames)
    times = []
    with torch.inference_mode():
        for _ in range(runs):
            run_started = clock()
            model(wave, embedding, age_s)
            times.append(clock() - run_started)
            if len(times) == 1:
                first_output_s = clock() - started
    exact_seconds = frames / config.stft.frames_per_second
    fastest = min(times)
    return OfflineTimes(
        model=preset,
        seconds=exact_seconds,
        elapsed_s=fastest,
        rtf=fastest / exact_seconds,
        first_output_ms=1e3 * first_output_s,
        noise_percent=100 * (max(times) / fastest - 1) if runs > 1 else ONE_RUN_NOISE_PERCENT,
    )
