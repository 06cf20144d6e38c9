"""Run by test_livekit.py: noise through a real LiveKit stream, and what became of it.

A process of its own, for the SDK's native threads now and then abort it as the interpreter ends. The SDK's
source plays in real time and may leave blocks out, so nothing is expected of which sound arrives when.
"""

import asyncio
import json

import numpy as np
from livekit import rtc

from lipstream.stream.integrations.livekit import LipstreamProcessor
from lipstream.stream.integrations.pcm import PcmEnhancer

RATE, BLOCK, FRAMES = 16_000, 160, 10


class Recording(LipstreamProcessor):
    """Keeps what it took and gave."""

    def __init__(self) -> None:
        super().__init__(atten_limit_db=20)
        self.taken: list[bytes] = []
        self.given: list[bytes] = []

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        out = super()._process(frame)
        self.taken.append(bytes(frame.data))
        self.given.append(bytes(out.data))
        return out


async def play(source: rtc.AudioSource) -> None:
    random = np.random.default_rng(0)
    while True:
        block = random.integers(-20_000, 20_000, BLOCK, np.int16)
        await source.capture_frame(rtc.AudioFrame(block.tobytes(), RATE, 1, BLOCK))


async def main() -> None:
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    processor = Recording()
    stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, noise_cancellation=processor)
    playing = asyncio.create_task(play(source))
    frames = aiter(stream)
    heard: list[bytes] = []
    while len(heard) < FRAMES or not any(heard[-1]):
        heard.append(bytes((await anext(frames)).frame.data))
    playing.cancel()
    enhanced = PcmEnhancer(atten_limit_db=20).process(b"".join(processor.taken), RATE).tobytes()
    facts = {
        "heard_is_given": heard == processor.given[: len(heard)],
        "given_is_enhanced": b"".join(processor.given) == enhanced,
    }
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
