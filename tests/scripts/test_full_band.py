"""The picture and the figures of the band above 8 kHz."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_band_above_8_khz_is_measured_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    wave = np.random.default_rng(0).standard_normal(48_000) * np.sin(np.arange(48_000) / 4_000)
    soundfile.write(tmp_path / "wave.wav", 0.1 * wave, 48_000)
    script = REPOSITORY / "scripts" / "full_band.py"
    command: list[str | Path] = [sys.executable, script, tmp_path / "picture.png"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*command, *[tmp_path / "wave.wav"] * 3], capture_output=True, text=True, env=environment, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("above 8 kHz") == 3
    assert "without its treble" in result.stdout
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert (REPOSITORY / "docs" / "images" / "full_band.png").stat().st_size < 150_000
