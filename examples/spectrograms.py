"""Draw spectrograms of a recording before and after enhancement, audio-only, as two PNG pictures.

    pip install ".[bench]"        # for matplotlib
    python examples/spectrograms.py demo/example.flac docs/images

writes before.png and after.png: the pictures of the README.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile

import lipstream

#: Power per Hz below full scale.
LOWEST_DB, HIGHEST_DB = -105.0, -50.0


def draw(wave: np.ndarray, sample_rate: int, title: str, target: Path) -> None:
    """One spectrogram: Hann windows of 32 ms, power per Hz in dB below full scale."""
    size = round(0.032 * sample_rate)
    figure, axis = plt.subplots(figsize=(4.6, 2.4), dpi=85, layout="constrained")
    *_, image = axis.specgram(
        wave, NFFT=size, Fs=sample_rate, noverlap=size // 2, cmap="magma", vmin=LOWEST_DB, vmax=HIGHEST_DB
    )
    axis.set(title=title, ylabel="kHz", xlabel="s")
    axis.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g}")
    figure.colorbar(image, label="dB", pad=0.02)
    figure.savefig(target)
    plt.close(figure)


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        enhanced = Path(scratch) / "enhanced.wav"
        lipstream.enhance_file(source, enhanced)
        for path, title in ((source, "before"), (enhanced, "after")):
            wave, sample_rate = soundfile.read(path)
            draw(wave, sample_rate, title, folder / f"{title}.png")
            print(folder / f"{title}.png")


if __name__ == "__main__":
    main()
