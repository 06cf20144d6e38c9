"""Measurement test recordings from a data folder."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.bench.data.builtin import RecordingSet
from lipstream.errors import InputError


def write_wave(path: Path, seed: int, rate: int = 16000) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).integers(-9000, 9000, 800).astype(np.int16)
    soundfile.write(path, wave, rate)
    return wave.astype(np.float32) / 32768


@pytest.fixture
def data(tmp_path: Path) -> Path:
    test = tmp_path / "test"
    write_wave(test / "audio" / "n1.noisy.flac", 1)
    write_wave(test / "audio" / "n1.clean.flac", 2)
    (test / "audio.csv").write_text("id,condition,snr_db\nn1,noise,-5\n")
    for condition in ("noise", "talker"):
        write_wave(test / "av" / f"v1.{condition}.noisy.flac", 3)
        write_wave(test / "av" / f"v1.{condition}.clean.flac", 4)
    (test / "av" / "v1.mp4").write_bytes(b"a video is only named here, not read")
    (test / "av.csv").write_text(
        'id,condition,snr_db,kind\nv1,noise,0,"seen speaker, unseen sentence"\nv1,talker,inf,unseen\n'
    )
    return tmp_path


def test_recordings_come_with_what_the_list_says_of_them(data: Path):
    recordings = RecordingSet("audio", data)
    (item,) = recordings
    assert len(recordings) == 1
    assert (item.id, item.condition, item.snr_db, item.video) == ("n1", "noise", -5.0, None)
    np.testing.assert_array_equal(item.noisy, write_wave(data / "again.flac", 1))
    np.testing.assert_array_equal(item.clean, write_wave(data / "again.flac", 2))
    assert item.noisy.dtype == np.float32


def test_recordings_of_one_video_are_told_apart_by_their_condition(data: Path):
    noise, talker = RecordingSet("av", data)
    assert (noise.id, talker.id) == ("v1.noise", "v1.talker")
    assert noise.video == talker.video == data / "test" / "av" / "v1.mp4"
    assert noise.kind == "seen speaker, unseen sentence"
    assert talker.snr_db == math.inf


def test_the_environment_names_the_data_folder(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIPSTREAM_DATA", str(data))
    assert len(RecordingSet("av")) == 2


def test_a_missing_set_tells_how_to_name_the_folder(tmp_path: Path):
    with pytest.raises(InputError, match="--data or in LIPSTREAM_DATA"):
        RecordingSet("audio", tmp_path)


def test_a_ratio_that_is_no_number_is_told_with_its_line(data: Path):
    (data / "test" / "audio.csv").write_text("id,condition,snr_db\nn1,noise,loud\n")
    with pytest.raises(InputError, match="line 2: snr_db 'loud'"):
        RecordingSet("audio", data)


@pytest.mark.parametrize("text", ["", "id,condition\nn1,noise\n"])
def test_a_list_without_the_columns_is_refused(data: Path, text: str):
    (data / "test" / "audio.csv").write_text(text)
    with pytest.raises(InputError, match="snr_db"):
        RecordingSet("audio", data)


def test_a_missing_recording_is_named(data: Path):
    (data / "test" / "audio" / "n1.clean.flac").unlink()
    with pytest.raises(InputError, match=r"n1\.clean\.flac"):
        list(RecordingSet("audio", data))


def test_a_recording_at_another_rate_is_refused(data: Path):
    write_wave(data / "test" / "audio" / "n1.noisy.flac", 1, rate=8000)
    with pytest.raises(InputError, match="16000 Hz"):
        list(RecordingSet("audio", data))


def test_the_shared_test_set_is_complete(shared_data: Path):
    audio, video = RecordingSet("audio", shared_data), RecordingSet("av", shared_data)
    conditions = [item.condition for item in audio]
    assert (conditions.count("noise"), len(conditions) - conditions.count("clean")) == (54, 86)
    assert all(item.video is not None and item.kind for item in video)
    assert len(video) == 48
