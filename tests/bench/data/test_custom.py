"""Folders and lists of recordings."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.bench.data.custom import FolderPairs, ManifestPairs
from lipstream.bench.data.recordings import align_length, audio_files, read_speech
from lipstream.errors import InputError


def write(path: Path, samples: int = 1600, rate: int = 16000, seed: int = 0, channels: int = 1) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).integers(-9000, 9000, (samples, channels)).astype(np.int16)
    soundfile.write(path, wave, rate)
    return wave[:, 0].astype(np.float32) / 32768


def test_folders_are_paired_by_name_whatever_the_ending(tmp_path: Path):
    clean = write(tmp_path / "clean" / "a.wav", seed=1)
    noisy = write(tmp_path / "noisy" / "a.flac", seed=2)
    write(tmp_path / "noisy" / "unused.flac")
    pairs = FolderPairs(tmp_path / "clean", tmp_path / "noisy")
    (item,) = pairs
    assert [note.partition("/noisy' ")[2] for note in pairs.notes] == [
        "has no reference for 'unused': not used"
    ]
    assert (pairs.ids, pairs.videos, item.id) == (["a"], [], "a")
    assert math.isnan(item.snr_db)
    np.testing.assert_array_equal(item.clean, clean)
    np.testing.assert_array_equal(item.noisy, noisy)


def test_without_a_noisy_folder_there_is_no_noisy_signal(tmp_path: Path):
    write(tmp_path / "a.wav")
    (item,) = FolderPairs(tmp_path)
    assert item.noisy.size == 0


def test_a_missing_partner_is_named(tmp_path: Path):
    for name in ("a", "b", "c"):
        write(tmp_path / "clean" / f"{name}.wav")
    write(tmp_path / "noisy" / "a.wav")
    with pytest.raises(InputError, match="no 'b' and 1 more"):
        FolderPairs(tmp_path / "clean", tmp_path / "noisy")


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "no audio"), (["notes.txt"], "no audio"), (["a.wav", "a.flac"], "two endings")],
)
def test_folders_that_cannot_be_read_are_told(tmp_path: Path, names: list[str], message: str):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=message):
        audio_files(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        audio_files(tmp_path / "missing")


def test_a_list_brings_what_it_knows(tmp_path: Path):
    write(tmp_path / "wavs" / "x.noisy.wav", seed=1)
    write(tmp_path / "wavs" / "x.wav", seed=2)
    (tmp_path / "x.mp4").write_bytes(b"")
    table = tmp_path / "mine.csv"
    table.write_text(
        "noisy,clean,snr,condition,speaker,video\n"
        "wavs/x.noisy.wav,wavs/x.wav,-2.5,noise,anna,x.mp4\n"
        "wavs/x.wav,wavs/x.wav,,,,\n"
    )
    pairs = ManifestPairs(table)
    disturbed, plain = pairs
    assert (pairs.name, pairs.ids) == ("mine", ["x.noisy", "x"])
    assert pairs.videos == [("anna", tmp_path / "x.mp4")]
    assert (disturbed.snr_db, disturbed.condition, disturbed.speaker) == (-2.5, "noise", "anna")
    assert math.isnan(plain.snr_db)
    assert (plain.condition, plain.video) == ("files", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows with the columns clean, noisy"),
        ("noisy\na.wav\n", "columns clean"),
        ("noisy,clean\na.wav,b.wav\n", r"line 2: there is no file .*b\.wav"),
        ("noisy,clean\na.wav,\n", "line 2: the column 'clean' is empty"),
        ("noisy,clean,snr\na.wav,a.wav,loud\n", "line 2: snr 'loud'"),
        ("noisy,clean\na.wav,a.wav\na.wav,a.wav\n", "'a' twice"),
    ],
)
def test_a_bad_list_is_told_with_its_line(tmp_path: Path, text: str, message: str):
    write(tmp_path / "a.wav")
    table = tmp_path / "list.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        ManifestPairs(table)


def test_speech_at_another_rate_is_brought_to_16_khz(tmp_path: Path):
    time = np.arange(48000) / 48000
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 440 * time), 48000)
    wave = read_speech(tmp_path / "tone.wav")
    assert wave.size == 16000
    assert wave.dtype == np.float32
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(wave[500:-500], expected[500:-500], atol=2e-3)


def test_several_channels_and_broken_files_are_refused(tmp_path: Path):
    write(tmp_path / "stereo.wav", channels=2)
    with pytest.raises(InputError, match="2 channels"):
        read_speech(tmp_path / "stereo.wav")
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"broken\.wav"):
        read_speech(tmp_path / "broken.wav")


@pytest.mark.parametrize("samples", [100, 1600, 3200])
def test_a_little_too_long_or_short_is_cut_or_filled(samples: int):
    wave = np.ones(1600, np.float32)
    fitted = align_length(wave, samples, "it")
    assert fitted.size == samples
    assert fitted.sum() == min(samples, 1600)


def test_much_too_long_is_refused():
    with pytest.raises(InputError, match=r"the file is \+0\.20 s"):
        align_length(np.ones(4800, np.float32), 1600, "the file")
