"""The noise of recordings in noise, without their speech."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.bench.data.noise_alone import NOISE, TRANSIENTS, NoiseAloneSet
from lipstream.errors import InputError


def write_set(folder: Path, rows: list[str]) -> Path:
    (folder / "test" / "audio").mkdir(parents=True)
    (folder / "test" / "audio.csv").write_text("\n".join(["id,condition,snr_db,interference", *rows]))
    rng = np.random.default_rng(0)
    for name in "abc":
        clean, noise = (0.1 * rng.standard_normal(1600).astype(np.float32) for _ in range(2))
        soundfile.write(folder / "test" / "audio" / f"{name}.clean.flac", clean, 16000, "PCM_24")
        soundfile.write(folder / "test" / "audio" / f"{name}.noisy.flac", clean + noise, 16000, "PCM_24")
    return folder


def test_it_holds_what_was_added_to_the_speech_and_knows_single_short_sounds(tmp_path: Path) -> None:
    rows = ["a,noise,5,cafe/cafe", "b,talker,0,somebody", "c,noise,0,things/keyboard"]
    data = write_set(tmp_path, rows)
    recordings = NoiseAloneSet(data)
    assert recordings.ids == ["a", "c"]
    hum, keys = recordings
    assert (hum.condition, keys.condition) == (NOISE, TRANSIENTS)
    noisy, clean = (
        soundfile.read(data / "test" / "audio" / f"a.{kind}.flac", dtype="float32")[0]
        for kind in ("noisy", "clean")
    )
    np.testing.assert_array_equal(hum.noisy, noisy - clean)
    assert hum.clean is hum.noisy


def test_a_set_without_noise_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recordings in noise"):
        NoiseAloneSet(write_set(tmp_path, ["a,talker,0,somebody"]))
