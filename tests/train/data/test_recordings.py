"""Recordings: any rate and any number of channels become 16 kHz and one."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.errors import InputError
from lipstream.train.data.recordings import SAMPLE_RATE, Length, decode, measure, measure_all, read_audio


def tone(hertz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 25000, 44100, 48000])
def test_every_rate_becomes_16_khz(rate: int, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1000, rate), rate)
    found = read_audio(tmp_path / "a.wav")
    assert found.dtype == np.float32
    assert abs(found.size - 8000) <= 1
    np.testing.assert_allclose(found[1000:7000], tone(1000, SAMPLE_RATE)[1000:7000], atol=2e-3)


def test_what_16_khz_cannot_hold_does_not_fold_back(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(10000, 48000), 48000)
    assert np.abs(read_audio(tmp_path / "a.wav")[1000:7000]).max() < 1e-3


def test_of_several_channels_the_first_is_taken(tmp_path: Path) -> None:
    channels = np.stack([tone(300, SAMPLE_RATE), -tone(300, SAMPLE_RATE)], axis=1)
    soundfile.write(tmp_path / "a.wav", channels, SAMPLE_RATE)
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), channels[:, 0], atol=1e-4)


def test_the_cache_holds_whole_numbers_and_never_wraps_around(tmp_path: Path) -> None:
    sound = np.clip(1.5 * tone(300, SAMPLE_RATE) / 0.5, -1.4, 1.4)
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    found = decode(tmp_path / "a.wav", tmp_path).samples
    assert found.dtype == np.int16
    np.testing.assert_allclose(found, np.clip(sound, -1, 32767 / 32768) * 32768, atol=0.6)


def test_lengths_and_rates_come_from_the_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(300, 44100), 44100)
    assert measure(tmp_path / "a.flac") == Length(0.5, 44100)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), (b"", "cannot be read"), (b"no sound" * 100, "cannot be read")],
)
def test_files_without_sound_are_told(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=message):
        measure(tmp_path / "a.wav")


def test_an_empty_recording_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), SAMPLE_RATE)
    with pytest.raises(InputError, match=r"a.wav is empty"):
        measure(tmp_path / "a.wav")


def test_each_file_is_measured_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(300, SAMPLE_RATE), SAMPLE_RATE)
    told: list[float] = []
    paths = [tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "a.wav"]
    found = measure_all(paths, lambda done, total: told.append(done / total))
    assert found[paths[0]] == Length(0.5, SAMPLE_RATE)
    assert isinstance(found[paths[1]], InputError)
    assert told == [0.5, 1.0]
