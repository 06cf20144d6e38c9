"""Enhance a stream chunk by chunk, and change a control while it runs.

    python examples/stream_chunks.py demo/example.flac clean.wav

A file stands in for the microphone. Chunks may have any length, and the output does not depend on it.
"""

import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soundfile

import lipstream

Float32 = npt.NDArray[np.float32]


def microphone(path: str, chunk_ms: float = 20.0) -> Iterator[Float32]:
    """Yield the first channel of a file in chunks, as a device's callback would deliver them."""
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(round(file.samplerate * chunk_ms / 1000), dtype="float32", always_2d=True):
            yield np.ascontiguousarray(block[:, 0])


def main() -> None:
    source, target = sys.argv[1:3]
    sample_rate = soundfile.info(source).samplerate
    enhancer = lipstream.Enhancer("lite", sample_rate, atten_limit_db=24)
    with soundfile.SoundFile(target, "w", sample_rate, channels=1) as speaker:
        for number, chunk in enumerate(microphone(source)):
            if number == 100:  # after two seconds: no limit any more, without a click
                enhancer.atten_limit_db = 100
            speaker.write(enhancer.process(chunk))
        speaker.write(enhancer.flush())
    print(f"{target} lags its input by {enhancer.latency_samples} samples ({enhancer.latency.ms:.1f} ms)")


if __name__ == "__main__":
    main()
