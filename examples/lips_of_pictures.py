"""Enhance a stream with pictures of the speaker as they come: from your own camera, call or video.

    pip install ".[video]"
    python examples/lips_of_pictures.py demo/example.flac demo/example.mp4 clean.wav

Here sound and pictures come from files. `LipReader` turns each picture into what `process` takes, with the
time at which it was captured: in seconds of the sound that the enhancer gets.
"""

import sys

import cv2
import numpy as np
import soundfile

import lipstream


def main() -> None:
    source, video, target = sys.argv[1:4]
    wave, rate = soundfile.read(source, dtype="float32")
    camera = cv2.VideoCapture(video)
    fps = camera.get(cv2.CAP_PROP_FPS)
    enhancer, clean, with_lips = lipstream.Enhancer("lite", rate), [], 0
    with lipstream.LipReader(enhancer.lips) as reader:
        for index in range(int(len(wave) / rate * fps)):
            chunk = wave[round(index / fps * rate) : round((index + 1) / fps * rate)]
            there, picture = camera.read()  # BGR, of any size
            # None: no usable face.
            frame = reader(np.asarray(picture, np.uint8), index / fps) if there else None
            clean += enhancer.process(chunk, [frame] if frame else None).tolist()
            with_lips += frame is not None
    clean += enhancer.flush().tolist()
    soundfile.write(target, clean[enhancer.latency_samples :], rate)
    print(f"lips in {with_lips} pictures; mean trust in them {enhancer.mean_alpha:.2f} (0: ignored, 1: full)")


if __name__ == "__main__":
    main()
