"""Makes the example clip of `make demo`: a drawn face speaks a synthesised sentence in synthetic noise.

Writes example.flac (noisy), example.clean.flac and example.mp4 (silent video) beside this file, the same on
every run with one version of espeak-ng and OpenCV. Needs the program espeak-ng and ``lipstream[video]``.

    python demo/make_example.py
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from lipstream.demo.face import Pose, draw_face

FOLDER = Path(__file__).resolve().parent
SENTENCE = "This voice was lost in the noise of a fan. Look at my lips, and you can hear every word."
SAMPLE_RATE = 16000
FPS = 25
SIZE = 200
SNR_DB = 2.0  # while the voice speaks
SPEECH_RMS = 0.05
SILENCE_S = 0.3

Samples = npt.NDArray[np.float64]


def main() -> None:
    speech = speak(SENTENCE)
    noise = scaled(fan(len(speech), np.random.default_rng(2024)), SPEECH_RMS * 10 ** (-SNR_DB / 20))
    soundfile.write(FOLDER / "example.clean.flac", speech, SAMPLE_RATE, subtype="PCM_16")
    soundfile.write(FOLDER / "example.flac", speech + noise, SAMPLE_RATE, subtype="PCM_16")
    write_video(FOLDER / "example.mp4", poses(speech))


def scaled(samples: Samples, rms: float) -> Samples:
    return np.asarray(samples * (rms / np.sqrt(np.mean(samples**2))))


def speak(text: str) -> Samples:
    """The sentence by espeak-ng at 16 kHz, with a moment of silence before and after."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        command = ["espeak-ng", "-v", "en-gb", "-s", "165", "-p", "40", "-w", str(spoken), text]
        subprocess.run(command, check=True)
        samples, rate = soundfile.read(spoken)
    speech = scaled(soxr.resample(samples, rate, SAMPLE_RATE), SPEECH_RMS)
    return np.pad(speech, int(SILENCE_S * SAMPLE_RATE))


def fan(length: int, random: np.random.Generator) -> Samples:
    """Pink noise that swells, and the hum of a motor."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    pink = scaled(np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 60)), length), 1.0)
    seconds = np.arange(length) / SAMPLE_RATE
    swell = 1 + 0.3 * np.sin(2 * np.pi * 0.4 * seconds) + 0.15 * np.sin(2 * np.pi * 7 * seconds)
    hum = sum(np.sin(2 * np.pi * 118 * k * seconds + k) / k for k in (1, 2, 3, 5))
    return np.asarray(pink * swell + 0.4 * hum)


def poses(speech: Samples) -> Iterator[Pose]:
    """One pose for each video frame: the mouth follows the speech; head and eyelids move on their own."""
    for frame, (opening, spread) in enumerate(zip(*mouth(speech), strict=True)):
        seconds = frame / FPS
        yield Pose(
            opening=float(opening),
            spread=float(spread),
            blink=max(0.0, 1 - abs((seconds + 0.8) % 2.9 - 1.45) / 0.1),
            shift=(0.05 * np.sin(1.7 * seconds), 0.03 * np.sin(2.6 * seconds + 1)),
            tilt=0.05 * np.sin(1.1 * seconds),
        )


def mouth(speech: Samples) -> tuple[Samples, Samples]:
    """Opening (0 to 1) and spread (-1 to 1) of the mouth at each video frame.

    It opens with the level of the voice (below 3 kHz) and spreads with the share of high frequencies: wide
    for an "s" or an "ee", rounded for an "oh".
    """
    width = SAMPLE_RATE // FPS
    frames = len(speech) // width
    # The frame at time k / 25 s goes with the 40 ms of sound around that time.
    around = np.pad(speech, (width // 2, 0))[: frames * width].reshape(frames, width)
    power = np.abs(np.fft.rfft(around * np.hanning(width))) ** 2
    voice, bright = power[:, : 3000 // FPS].sum(1), power[:, 1500 // FPS :].sum(1)
    loudest = voice.max()
    opening = 0.8 * np.clip(1 + 10 * np.log10(voice / loudest + 1e-9) / 30, 0, 1) ** 1.3
    spread = np.clip(2.5 * bright / (voice + 1e-3 * loudest) - 0.8, -1, 1) * (opening > 0)
    return smooth(opening), smooth(spread)


def smooth(values: Samples) -> Samples:
    return np.convolve(values, [0.2, 0.6, 0.2], mode="same")


def write_video(path: Path, frames: Iterator[Pose]) -> None:
    unfinished = path.with_suffix(".part.mp4")
    writer = cv2.VideoWriter(str(unfinished), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (SIZE, SIZE))
    if not writer.isOpened():
        raise OSError(f"OpenCV cannot write {path}")
    for pose in frames:
        writer.write(cv2.cvtColor(draw_face(pose, SIZE), cv2.COLOR_RGB2BGR))
    writer.release()
    os.replace(unfinished, path)


if __name__ == "__main__":
    main()
