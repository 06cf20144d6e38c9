"""Enhance a whole recording that is already in memory; the result lines up with it.

    python examples/enhance_array.py demo/example.flac clean.wav

NumPy or torch, floats or int16, one channel or several: what comes back is like what was given.
"""

import sys

import soundfile

import lipstream


def main() -> None:
    source, target = sys.argv[1:3]
    wave, sample_rate = soundfile.read(source, dtype="float32", always_2d=True)
    clean = lipstream.enhance(wave.T, sample_rate).T  # lipstream's arrays are [channels, n]
    soundfile.write(target, clean, sample_rate)
    print(f"{target}: {len(clean) / sample_rate:.2f} s at {sample_rate} Hz")


if __name__ == "__main__":
    main()
