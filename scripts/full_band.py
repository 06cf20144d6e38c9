"""Measure and draw what becomes of the band above 8 kHz: clean full-band speech, and the same in pink noise.

    pip install ".[bench]"        # for matplotlib
    python scripts/full_band.py docs/images/full_band.png /usr/share/sounds/alsa/*_*.wav

takes clean mono recordings of one rate (here of Debian's package alsa-utils), each with half a second of
silence after it, and enhances them alone and with noise.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile

import lipstream
from lipstream.stream.dsp.resample import Resampler

SNR_DB = 10.0


def enhanced(wave: np.ndarray, rate: int) -> np.ndarray:
    """The enhanced wave, in step with it, ``[n]``."""
    enhancer = lipstream.Enhancer(sample_rate=rate)
    output = np.concatenate([enhancer.process(wave.astype(np.float32)), enhancer.flush()])
    return output[enhancer.latency_samples :]


def treble(wave: np.ndarray, rate: int) -> np.ndarray:
    """What of a wave the model cannot hear."""
    spectrum = np.fft.rfft(wave)
    spectrum[np.fft.rfftfreq(len(wave), 1 / rate) < 8_000] = 0
    return np.fft.irfft(spectrum, len(wave))


def ratio_db(signal: np.ndarray, reference: np.ndarray) -> float:
    """How much more energy a signal has than another."""
    return 10 * float(np.log10(np.sum(signal**2) / np.sum(reference**2)))


def without_treble(rate: int) -> Callable[[np.ndarray], object]:
    """What enhances pieces of a stream and loses what the model cannot hear: to its rate, and back."""
    enhancer = lipstream.Enhancer(sample_rate=16_000)
    there, back = Resampler(rate, 16_000), Resampler(16_000, rate)

    def process(piece: np.ndarray) -> None:
        there.push(piece)
        back.push(enhancer.process(there.pull(there.ready)))
        back.pull(back.ready)

    return process


def costs(wave: np.ndarray, rate: int) -> tuple[float, float]:
    """Processor time for each second of a wave in pieces of 10 ms, with and without treble."""
    enhancer = lipstream.Enhancer(sample_rate=rate)
    ways = (enhancer.process, without_treble(rate))
    pieces = np.resize(wave, rate).astype(np.float32).reshape(100, -1)
    taken = np.zeros((40, 2))
    for round_number in range(len(taken)):  # in turn, as clocks of processors change
        for number, process in enumerate(ways):
            start = time.process_time()
            for piece in pieces:
                process(piece)
            taken[round_number, number] = time.process_time() - start
    with_treble_s, without_s = np.median(taken, axis=0)
    return float(with_treble_s), float(without_s)


def main() -> None:
    target, sources = Path(sys.argv[1]), sys.argv[2:]
    recordings, rates = zip(*(soundfile.read(source) for source in sources), strict=True)
    rate = rates[0]
    clean = np.concatenate([np.pad(recording, (0, rate // 2)) for recording in recordings])
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(len(clean)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(len(clean), 1 / rate), 50)), len(clean))
    noisy = clean + pink * np.sqrt(np.mean(clean**2) / np.mean(pink**2) / 10 ** (SNR_DB / 10))
    output = enhanced(noisy, rate)
    voice, before, after = (treble(wave, rate) for wave in (clean, noisy, output))
    pauses = np.convolve(clean**2, np.ones(rate // 20) / (rate // 20), "same") < 1e-7
    print(f"above 8 kHz, clean speech: {ratio_db(treble(enhanced(clean, rate), rate), voice):.1f} dB")
    snrs_db = [ratio_db(voice, wave - voice) for wave in (before, after)]
    print(f"above 8 kHz, SNR: {snrs_db[0]:.1f} dB, enhanced {snrs_db[1]:.1f} dB")
    print(f"above 8 kHz, noise in pauses: {ratio_db(after[pauses], before[pauses]):.1f} dB")
    with_treble_s, without_s = costs(noisy, rate)
    print(
        f"a second takes {1000 * with_treble_s:.1f} ms, without its treble {1000 * without_s:.1f} ms "
        f"({with_treble_s / without_s - 1:+.0%})"
    )

    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(8.2, 2.2), dpi=75, layout="constrained")
    for axis, wave, title in zip(axes, (clean, noisy, output), ("clean", "noisy", "enhanced"), strict=True):
        part = wave[: 3 * rate] + 1e-7 * np.sin(np.arange(len(wave[: 3 * rate])))  # no logarithm of 0
        *_, image = axis.specgram(part, NFFT=1024, Fs=rate, noverlap=512, cmap="magma", vmin=-120, vmax=-55)
        axis.set(title=title, xlabel="s")
    axes[0].set(ylabel="Hz")
    figure.colorbar(image, label="dB", pad=0.01)
    figure.savefig(target)


if __name__ == "__main__":
    main()
