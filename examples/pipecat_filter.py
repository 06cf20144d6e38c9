"""Clean what a Pipecat voice agent hears, before speech recognition or turn detection gets it.

    pip install "pipecat-ai>=1.0"
    python examples/pipecat_filter.py demo/example.flac clean.wav

In an agent, hand the filter to the transport:
`TransportParams(audio_in_enabled=True, audio_in_filter=LipstreamFilter())`.
"""

import asyncio
import sys

import soundfile
from pipecat.frames.frames import FilterUpdateSettingsFrame

from lipstream.stream.integrations.pipecat import LipstreamFilter


async def enhance(source: str, target: str) -> None:
    """Drive the filter as a transport drives it: 20 ms of 16-bit samples at a time."""
    audio, sample_rate = soundfile.read(source, dtype="int16")
    size = sample_rate // 50
    audio_filter = LipstreamFilter(atten_limit_db=24)
    await audio_filter.start(sample_rate)
    heard = b""
    for start in range(0, len(audio), size):
        if start == 50 * size:  # a frame from anywhere in the pipeline changes the filter while it runs
            await audio_filter.process_frame(FilterUpdateSettingsFrame(settings={"atten_limit_db": 100.0}))
        heard += await audio_filter.filter(audio[start : start + size].tobytes())
    heard += await audio_filter.flush()
    await audio_filter.stop()
    with soundfile.SoundFile(target, "w", sample_rate, channels=1, subtype="PCM_16") as file:
        file.buffer_write(heard, dtype="int16")
    print(f"{target} lags its input by {audio_filter.latency_ms:.1f} ms")


if __name__ == "__main__":
    asyncio.run(enhance(*sys.argv[1:3]))
