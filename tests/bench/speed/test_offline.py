"""Timing of the offline form and of whole files."""

from pathlib import Path

import pytest
import soundfile

from lipstream.bench.speed.offline import measure_offline
from lipstream.bench.speed.rtf import write_example
from lipstream.errors import InputError


def test_the_fastest_run_counts_and_the_first_output_includes_building_the_model():
    ticks = iter(
        [0.0, 1.0, 3.0, 3.0, 4.0, 4.5, 5.0, 7.0]
    )  # start; first run 1 to 3; its end; 4 to 4.5; 5 to 7
    times = measure_offline("lite", seconds=0.5, runs=3, clock=lambda: next(ticks))
    assert times.seconds == pytest.approx(0.5)
    assert times.elapsed_s == pytest.approx(0.5)
    assert times.rtf == pytest.approx(1.0)
    assert times.first_output_ms == pytest.approx(3000)


def test_an_unknown_preset_has_no_offline_form():
    with pytest.raises(InputError, match="unknown model"):
        measure_offline("huge")


def test_the_example_is_as_long_as_asked_for_and_within_full_scale(tmp_path: Path):
    file = tmp_path / "example.wav"
    write_example(file, 1.5)
    wave, rate = soundfile.read(file)
    assert (wave.shape, rate) == ((24000,), 16000)
    assert 0.01 < abs(wave).max() < 1.0
