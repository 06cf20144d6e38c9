"""Enhance a whole recording that is already in memory, and line the result up with it.

python examples/enhance_array.py demo/example.flac clean.wav
"""

import sys

import numpy as np
import numpy.typing as npt
import soundfile

import lipstream

Float32 = npt.NDArray[np.float32]


def enhance(wave: Float32, sample_rate: int) -> Float32:
    """Enhance one channel, float32 ``[n]``, to as many samples without the delay of a stream."""
    enhancer = lipstream.Enhancer("lite", sample_rate)
    late = np.concatenate([enhancer.process(wave), enhancer.flush()])
    return late[enhancer.latency_samples :]


def main() -> None:
    source, target = sys.argv[1:3]
    wave, sample_rate = soundfile.read(source, dtype="float32", always_2d=True)
    clean = np.stack([enhance(np.ascontiguousarray(channel), sample_rate) for channel in wave.T], axis=1)
    soundfile.write(target, clean, sample_rate)
    print(f"{target}: {len(clean) / sample_rate:.2f} s at {sample_rate} Hz")


if __name__ == "__main__":
    main()
