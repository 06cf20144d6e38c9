"""Measure and draw what becomes of the band above 8 kHz: clean full-band speech, and the same in pink noise.

    pip install ".[bench]"        # for matplotlib
    python examples/full_band.py docs/images/full_band.png /usr/share/sounds/alsa/*_*.wav

takes clean mono recordings of one rate, 32 kHz and above (here those of Debian's package alsa-utils, 48 kHz),
puts half a second of silence after each, and enhances them alone and with noise. It prints decibels and draws
clean, noisy and enhanced speech.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile

import lipstream

SNR_DB = 10.0
MODEL_BAND_HZ = 8_000
#: Power per Hz below full scale.
LOWEST_DB, HIGHEST_DB = -120.0, -55.0


def pink_noise(count: int, rate: int) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave, of unit RMS, ``[count]``."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(count))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / rate), 50)), count)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def enhanced(wave: np.ndarray, rate: int) -> np.ndarray:
    """The enhanced wave, in step with it, ``[n]``."""
    enhancer = lipstream.Enhancer(sample_rate=rate)
    output = np.concatenate([enhancer.process(wave.astype(np.float32)), enhancer.flush()])
    return output[enhancer.latency_samples :]


def treble(wave: np.ndarray, rate: int) -> np.ndarray:
    """What of a wave the model cannot hear."""
    spectrum = np.fft.rfft(wave)
    spectrum[np.fft.rfftfreq(len(wave), 1 / rate) < MODEL_BAND_HZ] = 0
    return np.fft.irfft(spectrum, len(wave))


def ratio_db(signal: np.ndarray, reference: np.ndarray) -> float:
    """How much more energy a signal has than another."""
    return 10 * float(np.log10(np.sum(signal**2) / np.sum(reference**2)))


def main() -> None:
    target, sources = Path(sys.argv[1]), sys.argv[2:]
    recordings, rates = zip(*(soundfile.read(source) for source in sources), strict=True)
    rate = rates[0]
    clean = np.concatenate([np.pad(recording, (0, rate // 2)) for recording in recordings])
    noisy = clean + pink_noise(len(clean), rate) * np.sqrt(np.mean(clean**2) / 10 ** (SNR_DB / 10))
    output = enhanced(noisy, rate)
    voice, before, after = (treble(wave, rate) for wave in (clean, noisy, output))
    pauses = np.convolve(clean**2, np.ones(rate // 20) / (rate // 20), "same") < 1e-7
    print(f"above 8 kHz, clean speech: {ratio_db(treble(enhanced(clean, rate), rate), voice):.1f} dB")
    snrs_db = [ratio_db(voice, wave - voice) for wave in (before, after)]
    print(f"above 8 kHz, SNR: {snrs_db[0]:.1f} dB, enhanced {snrs_db[1]:.1f} dB")
    print(f"above 8 kHz, noise in pauses: {ratio_db(after[pauses], before[pauses]):.1f} dB")

    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(8.2, 2.2), dpi=75, layout="constrained")
    for axis, wave, title in zip(axes, (clean, noisy, output), ("clean", "noisy", "enhanced"), strict=True):
        part = wave[: 3 * rate] + 1e-7 * np.sin(np.arange(3 * rate))  # no logarithm of 0
        *_, image = axis.specgram(
            part, NFFT=1_024, Fs=rate, noverlap=512, cmap="magma", vmin=LOWEST_DB, vmax=HIGHEST_DB
        )
        axis.set(title=title, xlabel="s")
        axis.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g}")
    axes[0].set(ylabel="kHz")
    figure.colorbar(image, label="dB", pad=0.01)
    figure.savefig(target)
    print(target)


if __name__ == "__main__":
    main()
