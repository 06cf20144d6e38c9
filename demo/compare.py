"""Prints how near the example clip comes to its clean recording: noisy, audio-only, and with its video.

python demo/compare.py demo-out
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

FOLDER = Path(__file__).resolve().parent
#: Differences of SI-SDR that nobody calls better or worse.
LEVEL_DB = 0.1

Samples = npt.NDArray[np.float64]


def si_sdr_db(clean: Samples, estimate: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio in dB of ``[n]`` against ``[n]``."""
    target = (clean @ estimate) / (clean @ clean) * clean
    rest = estimate - target
    return float(10 * np.log10((target @ target) / (rest @ rest + 1e-20)))


def level_db(clean: Samples, estimate: Samples) -> float:
    """How much louder than the clean recording an estimate is, in dB RMS."""
    return float(10 * np.log10((estimate @ estimate + 1e-20) / (clean @ clean)))


def verdict(audio_only_db: float, with_lips_db: float) -> str:
    """What the lips did to this clip, in one sentence."""
    change = with_lips_db - audio_only_db
    if change > LEVEL_DB:
        return f"Lips help here, by {change:.1f} dB."
    if change < -LEVEL_DB:
        return f"Lips harm here, by {-change:.1f} dB. They are off unless asked for."
    return "Lips change nothing here."


def comparison(clean: Samples, signals: dict[str, Samples]) -> str:
    """A line for each signal, ``[n]`` each, aligned with ``clean``."""
    width = max(map(len, signals))
    return "\n".join(
        f"{name:{width}}  SI-SDR {si_sdr_db(clean, wave):5.1f} dB, level {level_db(clean, wave):+5.1f} dB"
        for name, wave in signals.items()
    )


def main(folder: Path) -> None:
    """Compare what ``make demo`` wrote into a folder."""

    def read(path: Path) -> Samples:
        return np.asarray(soundfile.read(path)[0], np.float64)

    clean = read(FOLDER / "example.clean.flac")
    signals = {
        "noisy": read(FOLDER / "example.flac"),
        "audio-only": read(folder / "audio-only.flac"),
        "with lips": read(folder / "with-video.flac"),
    }
    print("The example clip against its clean recording (level: against that of the clean one):")
    print(comparison(clean, signals))
    audio_only, with_lips = (si_sdr_db(clean, samples) for samples in list(signals.values())[1:])
    print(verdict(audio_only, with_lips))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
