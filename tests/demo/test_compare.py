"""The demo's comparison tells the truth, whichever way it goes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.demo.compare import comparison, level_db, si_sdr_db, verdict

SCRIPT = Path(__file__).resolve().parents[2] / "demo" / "compare.py"


def test_measures_are_those_of_known_signals() -> None:
    random = np.random.default_rng(0)
    clean, noise = random.standard_normal((2, 16_000))
    noise -= (noise @ clean) / (clean @ clean) * clean
    noise *= 0.1 * np.linalg.norm(clean) / np.linalg.norm(noise)
    assert si_sdr_db(clean, 0.5 * (clean + noise)) == pytest.approx(20.0, abs=1e-6)
    assert level_db(clean, 0.5 * clean) == pytest.approx(-6.02, abs=0.01)
    assert "SI-SDR  20.0 dB, level  +0.0 dB" in comparison(clean, {"noisy": clean + noise})


def test_the_verdict_says_when_lips_harm() -> None:
    assert "harm here, by 1.5 dB" in verdict(8.6, 7.1)
    assert "help here, by 1.4 dB" in verdict(8.6, 10.0)
    assert "change nothing" in verdict(8.6, 8.65)


def test_it_reads_what_make_demo_writes(tmp_path: Path) -> None:
    clean, rate = soundfile.read(SCRIPT.with_name("example.clean.flac"))
    for name in ("audio-only.flac", "with-video.flac"):
        soundfile.write(tmp_path / name, 0.5 * clean, rate)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=True
    )
    for words in ("noisy ", "audio-only ", "with lips ", "level  -6.0 dB", "change nothing"):
        assert words in done.stdout
