"""Run a whole live session, with files in place of microphone and loudspeaker.

    python examples/live_session.py demo/example.flac clean.wav

Leave `input` and `output` away to use the default devices; a name or a part of one chooses others. The
session runs at the pace of real time, as it would with devices.
"""

import sys
from pathlib import Path

import lipstream


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    config = lipstream.LiveConfig(input=source, output=target, runtime="onnx", atten_limit_db=24)
    with lipstream.LiveSession(config, on_message=print) as session:
        while not session.wait(timeout_s=1.0):  # True as soon as the file has ended
            latency = session.stats().pipeline.latency
            if latency.known:  # once both ends have run for a second
                print(f"the program adds {latency.added_ms:.0f} ms")
    print(f"{target} holds what a listener would have heard")


if __name__ == "__main__":
    main()
