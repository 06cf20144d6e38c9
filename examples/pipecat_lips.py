"""Clean what a Pipecat voice agent hears with the help of the speaker's lips.

    pip install "pipecat-ai>=1.0" ".[video]"
    python examples/pipecat_lips.py demo/example.flac demo/example.mp4 clean.wav

Here sound and pictures come from files, in real time. In an agent they come from the transport,
`TransportParams(audio_in_enabled=True, audio_in_filter=clean, video_in_enabled=True)`, and the filter sees
the pictures where the pipeline begins with `Pipeline([transport.input(), LipstreamVideo(clean), ...])`.
"""

import asyncio
import sys

import cv2
import soundfile
from pipecat.frames.frames import InputImageRawFrame

from lipstream.stream.integrations.pipecat import LipstreamFilter


async def show(video: str, clean: LipstreamFilter) -> None:
    """Show the filter the pictures of a video, as `LipstreamVideo` does."""
    camera = cv2.VideoCapture(video)
    while True:
        there, picture = camera.read()
        if not there:
            return
        height, width, _ = picture.shape
        clean.see(InputImageRawFrame(picture.tobytes(), (width, height), "BGR"))  # returns at once
        await asyncio.sleep(1 / camera.get(cv2.CAP_PROP_FPS))


async def main() -> None:
    source, video, target = sys.argv[1:4]
    audio, sample_rate = soundfile.read(source, dtype="int16")
    size, heard, trust = sample_rate // 50, b"", 0.0
    clean = LipstreamFilter()
    await clean.start(sample_rate)
    await clean.load_lips()
    showing = asyncio.create_task(show(video, clean))
    for start in range(0, len(audio), size):
        heard += await clean.filter(audio[start : start + size].tobytes())
        trust = max(trust, clean.alpha)
        await asyncio.sleep(size / sample_rate)
    showing.cancel()
    heard += await clean.flush()
    await clean.stop()
    with soundfile.SoundFile(target, "w", sample_rate, channels=1, subtype="PCM_16") as file:
        file.buffer_write(heard, dtype="int16")
    print(f"{target} lags its input by {clean.latency_ms:.1f} ms; most trust in the lips {trust:.2f} of 1")


if __name__ == "__main__":
    asyncio.run(main())
