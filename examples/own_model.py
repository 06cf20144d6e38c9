"""From two folders of recordings to a live session with a model of your own.

    pip install ".[train]"
    lipstream data sample sample                  # or recordings of your own
    python examples/own_model.py sample/speech sample/noise out/

Add `--steps 50` for a quick look, `--input noisy.wav --output clean.wav` for files and no sound card.
"""

import argparse
import subprocess
import sys
from pathlib import Path

LIPSTREAM = Path(sys.executable).with_name("lipstream")


def lipstream(*arguments: object) -> None:
    subprocess.run([LIPSTREAM, *map(str, arguments)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("speech", "noise", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--steps", type=int, default=400)
    args, live = parser.parse_known_args()
    run = args.out / "run"
    data = ("--speech", args.speech, "--noise", args.noise, "--cache", args.out / "cache")
    lipstream("train", "tiny", *data, "--out", run, "--steps", args.steps)
    # The folder of the training is a model already; `lipstream export` adds the graphs for the runtime onnx.
    lipstream("live", "--model", run, "--runtime", "eager", *live)


if __name__ == "__main__":
    main()
