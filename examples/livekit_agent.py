"""Clean the frames of a LiveKit audio stream, with the help of the speaker's lips.

    pip install "livekit>=1.1" ".[video]"
    python examples/livekit_agent.py demo/example.flac demo/example.mp4 clean.wav

Here sound and pictures come from files, in real time. In a room they are those of one participant:
`rtc.AudioStream.from_track(track=audio_track, noise_cancellation=clean)`, with LiveKit Agents
`AudioInputOptions(noise_cancellation=clean)`, and for lips the task
`clean.watch(rtc.VideoStream(video_track, capacity=1))` beside it.
"""

import asyncio
import sys

import cv2
import numpy as np
import soundfile
from livekit import rtc

from lipstream.stream.integrations.livekit import LipstreamProcessor


async def main() -> None:
    source, video, target = sys.argv[1:4]
    audio, rate = soundfile.read(source, dtype="int16")
    camera = cv2.VideoCapture(video)
    size, fps, heard, trust = rate // 100, camera.get(cv2.CAP_PROP_FPS), [], 0.0
    clean = LipstreamProcessor(atten_limit_db=24)
    await clean.load_lips()
    for start in range(0, len(audio) - size + 1, size):  # LiveKit's frames are 10 ms long
        if camera.get(cv2.CAP_PROP_POS_FRAMES) <= start / rate * fps:
            there, picture = camera.read()
            if there:  # returns at once: lips are read in a thread
                height, width, _ = picture.shape
                pixels = cv2.cvtColor(np.asarray(picture), cv2.COLOR_BGR2RGB).tobytes()
                clean.see(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, pixels))
        frame = rtc.AudioFrame(audio[start : start + size].tobytes(), rate, 1, size)
        heard.append(np.frombuffer(clean._process(frame).data, np.int16))  # LiveKit calls it for each frame
        trust = max(trust, clean.alpha)
        await asyncio.sleep(size / rate)
    heard.append(np.frombuffer(clean.flush().data, np.int16))
    clean._close()  # LiveKit calls it with the end of the stream
    soundfile.write(target, np.concatenate(heard), rate, subtype="PCM_16")
    print(f"{target} lags its input by {clean.latency_ms:.1f} ms; most trust in the lips {trust:.2f} of 1")


if __name__ == "__main__":
    asyncio.run(main())
