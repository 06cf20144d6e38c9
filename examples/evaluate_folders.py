"""Score your own recordings: a folder of clean files, one of noisy ones, and those of another program.

    pip install ".[bench]"
    python examples/evaluate_folders.py out/ [CLEAN_DIR NOISY_DIR OTHER_DIR]

Files of one recording have the same name in all folders. Without folders, the example clip is scored, and the
other program is one that turns the volume down.
"""

import subprocess
import sys
from pathlib import Path

import soundfile

LIPSTREAM = Path(sys.executable).with_name("lipstream")
DEMO = Path(__file__).resolve().parent.parent / "demo"


def example_folders(folder: Path) -> list[Path]:
    """Folders of one recording each: the example clip clean, noisy, and half as loud."""
    noisy, rate = soundfile.read(DEMO / "example.flac")
    clean, _ = soundfile.read(DEMO / "example.clean.flac")
    folders = [folder / name for name in ("clean", "noisy", "quieter")]
    for place, wave in zip(folders, (clean, noisy, noisy / 2), strict=True):
        place.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / "example.flac", wave, rate)
    return folders


def main() -> None:
    out = Path(sys.argv[1])
    clean, noisy, other = map(Path, sys.argv[2:5]) if len(sys.argv) > 2 else example_folders(out / "data")
    command: list[str | Path] = [LIPSTREAM, "evaluate", "--clean", clean, "--noisy", noisy]
    # si-sdr is quick; leave --metrics away for PESQ, STOI, composite ratings and DNSMOS as well.
    command += ["--system", "lite", "--system", f"other={other}", "--metrics", "si-sdr", "level"]
    subprocess.run([*command, "--out-dir", out / "report"], check=True)


if __name__ == "__main__":
    main()
