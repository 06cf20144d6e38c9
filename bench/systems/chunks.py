"""Run a streaming model over a set of test recordings, the way a live stream would reach it, and score it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...stream.enhancer import Enhancer
from ...stream.runtimes.base import Float32, Runtime, UInt8
from ..data.builtin import Item
from ..evaluation.quality import Outputs, QualityReport, score_outputs
from ..metrics.intrusive import SAMPLE_RATE

#: A chunk as a sound device would hand it over: 20 ms.
CHUNK_SAMPLES = 320

StampedLips = Sequence[tuple[float, UInt8]]


def evaluate(
    recordings: Iterable[Item],
    model: str = "lite",
    runtime: str | Runtime = "onnx",
    video: bool = True,
    jobs: int = 1,
) -> QualityReport:
    """Enhance and score recordings.

    Args:
        recordings: where they have videos, each is enhanced without and with its own.
        model: name of the preset.
        runtime: name of the runtime, or one that is loaded already.
        video: False leaves the videos unused.
        jobs: processes that score, see `lipstream.bench.quality.score_items`.

    Returns:
        A report with the signals ``noisy`` and ``enhanced``, and ``with video`` where there are videos.

    Raises:
        InputError: unknown model or runtime, or recordings that cannot be read.
    """
    enhancer = Enhancer(model, SAMPLE_RATE, runtime)
    return score_outputs(_outputs(recordings, enhancer, video), jobs)


def _outputs(recordings: Iterable[Item], enhancer: Enhancer, video: bool) -> Iterator[tuple[Item, Outputs]]:
    for item in recordings:
        outputs = {"enhanced": enhance_in_chunks(enhancer, item.noisy)}
        if video and item.video is not None:
            outputs["with video"] = enhance_in_chunks(enhancer, item.noisy, lips_of(item.video))
        yield item, outputs


def enhance_in_chunks(enhancer: Enhancer, wave: Float32, lips: StampedLips = ()) -> Float32:
    """Enhance a whole recording chunk by chunk, and take the latency out; see `trace_in_chunks`."""
    return trace_in_chunks(enhancer, wave, lips)[0]


def trace_in_chunks(enhancer: Enhancer, wave: Float32, lips: StampedLips = ()) -> tuple[Float32, list[float]]:
    """Enhance a whole recording chunk by chunk, take the latency out, and watch the confidence in the video.

    Args:
        enhancer: is reset first.
        wave: float32 ``[samples]`` at the enhancer's rate.
        lips: crops uint8 ``[96, 96, 3]`` RGB with their times in seconds; each counts from its time on.

    Returns:
        float32 ``[samples]``, aligned with ``wave``, and alpha at the end of each chunk of `CHUNK_SAMPLES`.
    """
    enhancer.reset()
    pieces, alpha = [], []
    for start in range(0, wave.size, CHUNK_SAMPLES):
        pieces.append(enhancer.process(wave[start : start + CHUNK_SAMPLES], lips if start == 0 else None))
        alpha.append(enhancer.alpha)
    pieces.append(enhancer.flush())
    return np.concatenate(pieces)[enhancer.latency_samples :], alpha


@lru_cache(maxsize=4)  # one video belongs to several recordings, which follow each other
def lips_of(video: Path) -> StampedLips:
    """The lip crops of a video with their times in seconds; frames without a face are left out.

    Raises:
        InputError: as `lipstream.stream.video.lips.video_file.read_lips`.
    """
    from ...stream.video.lips.video_file import read_lips

    return [(frame.time_s, frame.crop) for frame in read_lips(video) if frame.crop is not None]
