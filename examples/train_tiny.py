"""Train for a few steps on speech and noise made on the spot: shows every file that a training needs.

    pip install ".[train]"
    python examples/train_tiny.py out/

The result enhances nothing. For a real training, put real corpora into manifests (docs/data.md).
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
LIPSTREAM = Path(sys.executable).with_name("lipstream")
RECIPE = """
preset = "lite"
data = ["speech.jsonl", "noise.jsonl"]
held_out_noise = []
steps = 2
batch = 1
validate_every = 2
validation_items = 1

[mix]
seconds = 1.0
source_weights = []
"""


def syllables(seconds: float, pitch_hz: float) -> np.ndarray:
    """Harmonics of a gliding pitch in syllables of a quarter second: speech enough to run the code."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch_hz + 40 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    tones = sum(np.sin(k * phase) / k for k in range(1, 20))
    return np.asarray(0.1 * np.clip(np.sin(4 * np.pi * time), 0.02, None) * tones)


def lipstream(folder: Path, *arguments: str) -> None:
    subprocess.run([LIPSTREAM, *arguments], check=True, cwd=folder)


def main() -> None:
    folder = Path(sys.argv[1])
    random = np.random.default_rng(0)
    for number in range(4):  # one folder a speaker
        (folder / f"speech/speaker{number}").mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"speech/speaker{number}/a.flac", syllables(3.0, 110 + 40 * number), RATE)
    (folder / "noise").mkdir(exist_ok=True)
    for number in range(4):
        soundfile.write(folder / f"noise/{number}.flac", 0.05 * random.standard_normal(3 * RATE), RATE)
    (folder / "tiny.toml").write_text(RECIPE)
    for kind in ("speech", "noise"):
        lipstream(folder, "data", kind, kind, "-o", f"{kind}.jsonl", "--held-out", "0.25")
    lipstream(folder, "train", "tiny.toml", "--out", "run", "--threads", "1")


if __name__ == "__main__":
    main()
