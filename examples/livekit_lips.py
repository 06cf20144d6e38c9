"""Clean the frames of a LiveKit audio stream with the help of the speaker's lips.

    pip install "livekit>=1.1" ".[video]"
    python examples/livekit_lips.py demo/example.flac demo/example.mp4 clean.wav

Here sound and pictures come from files, in real time. In a room they are those of one participant:
`rtc.AudioStream.from_track(track=audio_track, noise_cancellation=processor)`, and beside it the task
`processor.watch(rtc.VideoStream(video_track, capacity=1))`.
"""

import asyncio
import sys

import cv2
import numpy as np
import soundfile
from livekit import rtc

from lipstream.stream.integrations.livekit import LipstreamProcessor


async def show(video: str, processor: LipstreamProcessor) -> None:
    """Show the processor the pictures of a video, as `watch` does those of a video stream."""
    camera = cv2.VideoCapture(video)
    while True:
        there, picture = camera.read()
        if not there:
            return
        height, width, _ = picture.shape
        data = cv2.cvtColor(np.asarray(picture), cv2.COLOR_BGR2RGB).tobytes()
        processor.see(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, data))  # returns at once
        await asyncio.sleep(1 / camera.get(cv2.CAP_PROP_FPS))


async def main() -> None:
    source, video, target = sys.argv[1:4]
    audio, sample_rate = soundfile.read(source, dtype="int16")
    size, heard, trust = sample_rate // 100, [], 0.0  # LiveKit's frames are 10 ms long
    processor = LipstreamProcessor()
    await processor.load_lips()
    showing = asyncio.create_task(show(video, processor))
    for start in range(0, len(audio) - size + 1, size):
        frame = rtc.AudioFrame(audio[start : start + size].tobytes(), sample_rate, 1, size)
        clean = processor._process(frame)  # LiveKit calls this for each frame of the stream
        heard.append(np.frombuffer(clean.data, np.int16))
        trust = max(trust, processor.alpha)
        await asyncio.sleep(size / sample_rate)
    showing.cancel()
    heard.append(np.frombuffer(processor.flush().data, np.int16))
    processor._close()  # LiveKit calls this with the end of the stream
    soundfile.write(target, np.concatenate(heard), sample_rate, subtype="PCM_16")
    print(
        f"{target} lags its input by {processor.latency_ms:.1f} ms; most trust in the lips {trust:.2f} of 1"
    )


if __name__ == "__main__":
    asyncio.run(main())
