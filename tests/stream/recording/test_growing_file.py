"""Recorded files: readable at any moment, at any size, and after the disk has refused."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.stream.recording.growing_file import GrowingFile, npy_header, wav_header

Disk = Callable[[int], AbstractContextManager[None]]

ROW = np.dtype([("sample", "<i8"), ("embedding", "<f4", (3,))])


def test_a_wav_is_readable_while_it_grows_bit_for_bit(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 5_000).astype(np.float32)
    file = GrowingFile(tmp_path / "a.wav", wav_header(44_100))
    assert soundfile.info(tmp_path / "a.wav").frames == 0
    for end in range(1_000, 6_000, 1_000):
        file.append(samples[end - 1_000 : end])
        file.update()
        read, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
        assert rate == 44_100
        np.testing.assert_array_equal(read, samples[:end])
    file.close()
    file.close()
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"


def test_what_was_not_told_to_the_header_yet_appears_with_the_next_update(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a.wav", wav_header(16_000))
    file.append(np.ones(100, np.float32))
    file.update()
    file.append(np.ones(50, np.float32))  # a crash here
    assert soundfile.info(tmp_path / "a.wav").frames == 100
    file.close()
    assert soundfile.info(tmp_path / "a.wav").frames == 150


def test_beyond_4_gib_a_wav_becomes_rf64(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    file = GrowingFile(path, wav_header(48_000))
    silence = 5 * 2**30 // 4
    os.truncate(path, path.stat().st_size + 4 * silence)  # a hole: it takes no room on the disk
    file.append(np.full(10, 0.5, np.float32))
    file.close()
    with soundfile.SoundFile(path) as sound:
        assert sound.frames == silence + 10
        sound.seek(silence)
        np.testing.assert_array_equal(sound.read(dtype="float32"), np.full(10, 0.5, np.float32))


def test_an_array_is_loadable_while_it_grows(tmp_path: Path) -> None:
    rows = np.zeros(3, ROW)
    rows["sample"] = [10, 20, 30]
    rows["embedding"] = np.arange(9).reshape(3, 3)
    file = GrowingFile(tmp_path / "rows.npy", npy_header(ROW))
    for count in range(3):
        np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), rows[:count])
        file.append(rows[count])
        file.update()
    file.close()
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), rows)


def test_a_full_disk_raises_and_leaves_a_playable_file(tmp_path: Path, small_disk: Disk) -> None:
    limit = 10_001  # ends amid a sample
    file = GrowingFile(tmp_path / "a.wav", wav_header(16_000))
    samples = np.random.default_rng(1).uniform(-1, 1, 2_000).astype(np.float32)
    with small_disk(limit):
        file.append(samples)
        with pytest.raises(OSError, match="too large"):
            file.append(samples)
        file.close()
    assert (tmp_path / "a.wav").stat().st_size == limit
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_array_equal(read, np.concatenate([samples, samples])[: len(read)])
    assert len(read) == (limit - len(wav_header(16_000)(0))) // 4


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("mine")
    with pytest.raises(InputError, match="record somewhere else"):
        GrowingFile(tmp_path / "a.wav", wav_header(16_000))
    assert (tmp_path / "a.wav").read_text() == "mine"
