"""Enhance a recording with a video of the speaker, and without, and say how far the video was trusted.

    pip install ".[video]"
    python examples/lips_from_video.py demo/example.flac demo/example.mp4 out/

Compare both files. For pictures that come one by one: lips_of_pictures.py.
"""

import sys
from pathlib import Path

import lipstream


def main() -> None:
    audio, video, folder = map(Path, sys.argv[1:4])
    folder.mkdir(parents=True, exist_ok=True)
    lipstream.enhance_file(audio, folder / "audio-only.wav")
    report = lipstream.enhance_file(audio, folder / "with-video.wav", video=video)
    for warning in report.warnings:
        print(f"warning: {warning}")
    print(f"a face in {report.face_frames} of {report.video_frames} video frames")
    print(f"mean trust in the video: {report.mean_alpha:.2f} (0: ignored, 1: full)")


if __name__ == "__main__":
    main()
