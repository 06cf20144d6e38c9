"""Clean a file through a running ``lipstream serve``, as a caller would: sound out, clean sound back.

    lipstream serve --port 8765
    python examples/serve_client.py demo/example.flac clean.wav ws://127.0.0.1:8765/v1/stream

Set LIPSTREAM_TOKEN where the server wants a token.
"""

import asyncio
import json
import os
import sys

import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect

CHUNK_MS = 20


async def talk(server: ClientConnection, samples: np.ndarray, rate: int) -> None:
    """Send the sound in chunks, each when a microphone would have it."""
    size = rate * CHUNK_MS // 1000
    for start in range(0, len(samples), size):
        await server.send(samples[start : start + size].tobytes())
        await asyncio.sleep(CHUNK_MS / 1000)
    await server.send('{"type": "end"}')


async def main(source: str, target: str, address: str) -> None:
    samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
    async with connect(address, compression=None) as server:
        hello = {"rate": rate, "format": "int16", "token": os.environ.get("LIPSTREAM_TOKEN", "")}
        await server.send(json.dumps(hello))
        ready = json.loads(await server.recv())
        if ready["type"] == "error":
            sys.exit(ready["message"])
        talking = asyncio.create_task(talk(server, samples[:, 0], rate))
        with soundfile.SoundFile(target, "w", rate, channels=1, subtype="PCM_16") as speaker:
            async for message in server:
                if isinstance(message, bytes):
                    speaker.write(np.frombuffer(message, np.int16))
                    continue
                told = json.loads(message)  # "done", or an error that says what to do
                print(told.get("message") or f"{target}: {told['samples']} samples were enhanced")
        await talking
    print(f"{target} lags its input by {ready['latency_samples']} samples ({ready['latency_ms']:.1f} ms)")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
