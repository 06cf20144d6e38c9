"""Clean what a Pipecat voice agent hears, with the help of the speaker's lips.

    pip install "pipecat-ai>=1.0" ".[video]"
    python examples/pipecat_agent.py demo/example.flac demo/example.mp4 clean.wav

Here sound and pictures come from files, in real time. In an agent they come from the transport,
`TransportParams(audio_in_enabled=True, audio_in_filter=clean, video_in_enabled=True)`, and the filter sees
the pictures where the pipeline begins with `Pipeline([transport.input(), LipstreamVideo(clean), ...])`.
Without lips the filter alone does.
"""

import asyncio
import sys

import cv2
import soundfile
from pipecat.frames.frames import InputImageRawFrame

from lipstream.stream.integrations.pipecat import LipstreamFilter


async def main() -> None:
    source, video, target = sys.argv[1:4]
    audio, rate = soundfile.read(source, dtype="int16")
    camera = cv2.VideoCapture(video)
    size, fps, heard, trust = rate // 50, camera.get(cv2.CAP_PROP_FPS), b"", 0.0
    clean = LipstreamFilter(atten_limit_db=24)
    await clean.start(rate)
    await clean.load_lips()
    for start in range(0, len(audio), size):  # 20 ms of 16-bit samples at a time
        if camera.get(cv2.CAP_PROP_POS_FRAMES) <= start / rate * fps:
            there, picture = camera.read()
            if there:  # returns at once: lips are read in a thread
                clean.see(InputImageRawFrame(picture.tobytes(), picture.shape[1::-1], "BGR"))
        heard += await clean.filter(audio[start : start + size].tobytes())
        trust = max(trust, clean.alpha)
        await asyncio.sleep(size / rate)
    heard += await clean.flush()
    await clean.stop()
    with soundfile.SoundFile(target, "w", rate, channels=1, subtype="PCM_16") as file:
        file.buffer_write(heard, dtype="int16")
    print(f"{target} lags its input by {clean.latency_ms:.1f} ms; most trust in the lips {trust:.2f} of 1")


if __name__ == "__main__":
    asyncio.run(main())
