"""Clean the frames of a LiveKit audio stream.

    pip install "livekit>=1.1"
    python examples/livekit_processor.py demo/example.flac clean.wav

In a room, hand the processor to the stream:
`rtc.AudioStream.from_track(track=track, noise_cancellation=processor)`;
with LiveKit Agents: `AudioInputOptions(noise_cancellation=processor)`.
"""

import sys

import numpy as np
import soundfile
from livekit import rtc

from lipstream.stream.integrations.livekit import LipstreamProcessor


def main() -> None:
    source, target = sys.argv[1:3]
    audio, sample_rate = soundfile.read(source, dtype="int16")
    processor = LipstreamProcessor(atten_limit_db=24)
    size = sample_rate // 100  # LiveKit's frames are 10 ms long
    heard = []
    for start in range(0, len(audio) - size + 1, size):
        frame = rtc.AudioFrame(audio[start : start + size].tobytes(), sample_rate, 1, size)
        clean = processor._process(frame)  # LiveKit calls this for each frame of the stream
        heard.append(np.frombuffer(clean.data, np.int16))
    heard.append(np.frombuffer(processor.flush().data, np.int16))
    soundfile.write(target, np.concatenate(heard), sample_rate, subtype="PCM_16")
    print(f"{target} lags its input by {processor.latency_ms:.1f} ms")


if __name__ == "__main__":
    main()
