"""Reading the recordings that training mixes from."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from lipstream.errors import InputError
from lipstream.train.corpus import SAMPLE_RATE, Clip, read_corpus


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_clips_carry_their_place_source_and_group(data: Path, cache: Path) -> None:
    corpus = read_corpus(data, cache)
    assert len(corpus.speech) == 6
    second = corpus.speech[1]
    assert (second.start, second.end) == (28000, 60000)
    assert (second.source, second.group) == ("mini", "mini/ls4")
    assert [(clip.source, clip.group) for clip in corpus.noise] == [("fan", "fan"), ("noisekun", "noisekun")]


def test_samples_are_those_of_the_file(data: Path, cache: Path) -> None:
    clip = read_corpus(data, cache).speech[0]
    expected, _ = soundfile.read(data / "train" / "speech" / "mini.flac", dtype="float32")
    found = clip.read(clip.end - clip.start, np.random.default_rng(0))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected[clip.start : clip.end])


def test_impulse_responses_start_at_their_direct_sound_with_unit_energy(data: Path, cache: Path) -> None:
    (response,) = read_corpus(data, cache).rirs
    assert response.size == 1500
    assert np.argmax(np.abs(response)) == 0
    assert np.sum(response**2) == pytest.approx(1.0, abs=1e-5)


@given(data=st.data(), total=st.integers(1, 400), length=st.integers(1, 900), seed=st.integers(0, 99))
def test_a_read_is_always_as_long_as_asked_and_follows_the_file(
    data: st.DataObject, total: int, length: int, seed: int
) -> None:
    start = data.draw(st.integers(0, total - 1))
    end = data.draw(st.integers(start + 1, total))
    clip = Clip(np.arange(total, dtype=np.int16), start, end, "a", "a")
    found = np.round(clip.read(length, np.random.default_rng(seed)) * 32768).astype(int)
    assert found.size == length
    assert start <= found[0] < end
    until_end = total - found[0]
    np.testing.assert_array_equal(found[:until_end], np.arange(found[0], total)[:length])
    rest = found[until_end:][:total]
    np.testing.assert_array_equal(rest, np.arange(rest.size))


def test_a_split_shares_nothing_but_the_rooms(data: Path, cache: Path) -> None:
    corpus = read_corpus(data, cache)
    kept, held_out = corpus.split(lambda clip: clip.group in ("mini/ls4", "noisekun"))
    assert {clip.group for clip in held_out.speech + held_out.noise} == {"mini/ls4", "noisekun"}
    assert {clip.group for clip in kept.speech + kept.noise} == {"mini/ls5", "mini/ls6", "fan"}
    assert kept.rirs is held_out.rirs


def test_the_cache_is_used_until_the_recording_changes(data: Path, cache: Path) -> None:
    first = read_corpus(data, cache).noise[0]
    files = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    read_corpus(data, cache)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == files

    recording = data / "train" / "noise" / "fan.flac"
    soundfile.write(recording, np.zeros(first.samples.size), SAMPLE_RATE)
    os.utime(recording, ns=(1, 1))  # in case the clock of the file system has not moved on
    assert not read_corpus(data, cache).noise[0].samples.any()


def test_recordings_of_the_same_name_are_told_apart(data: Path, cache: Path) -> None:
    folder = data / "train"
    soundfile.write(folder / "noise" / "mini.flac", np.zeros(1600), SAMPLE_RATE)
    (folder / "noise.csv").write_text("file,start_s,end_s,source\ntrain/noise/mini.flac,0,0.1,fan\n")
    assert read_corpus(data, cache).noise[0].samples.size == 1600


def _drop(file: str) -> Callable[[Path], None]:
    return lambda data: (data / file).unlink()


def _write(file: str, rate: int, channels: int) -> Callable[[Path], None]:
    return lambda data: soundfile.write(data / file, np.zeros((800, channels)), rate)


def _text(file: str, text: str) -> Callable[[Path], None]:
    def write(data: Path) -> None:
        (data / file).write_text(text)

    return write


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("train/speech.csv"), "speech.csv is missing: point the recipe's data"),
        (_drop("train/noise/fan.flac"), "fan.flac is listed for training but missing"),
        (_text("train/noise.csv", "file,start_s,end_s\na.flac,0,1\n"), "no rows with the columns source"),
        (_text("train/noise.csv", "file,start_s,end_s,source\n"), "no rows"),
        (_text("train/noise/fan.flac", "no audio"), "fan.flac cannot be read as audio"),
        (_write("train/noise/fan.flac", 44100, 1), "fan.flac: training audio must be mono at 16000 Hz"),
        (_write("train/speech/mini.flac", 16000, 2), "mini.flac: training audio must be mono at 16000 Hz"),
        (_write("train/rir/room.flac", 48000, 1), "room.flac: training audio must be mono at 16000 Hz"),
        (
            _text("train/noise.csv", "file,start_s,end_s,source\ntrain/noise/fan.flac,now,2,fan\n"),
            "fan.flac must be seconds",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_data_is_named(damage: Callable[[Path], None], message: str, data: Path, cache: Path) -> None:
    damage(data)
    with pytest.raises(InputError, match=message):
        read_corpus(data, cache)
    assert not list(cache.glob("*.part*"))


def test_the_real_corpus_reads(shared_data: Path, tmp_path: Path) -> None:
    table = shared_data / "train" / "noise.csv"
    if not table.is_file():
        pytest.skip("the data folder holds no recordings for training")
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    header, *rows = table.read_text().splitlines()
    chosen = next(row for row in rows if row.startswith("train/noise/noice-"))
    (folder / "train" / "noise").symlink_to(shared_data / "train" / "noise")
    for name, group in (("noise", "class"), ("speech", "speaker")):
        text = header.replace("class", group) + "\n" + chosen + "\n"
        (folder / "train" / f"{name}.csv").write_text(text)
    (clip,) = read_corpus(folder, tmp_path / "cache").noise
    assert np.any(clip.read(SAMPLE_RATE, np.random.default_rng(0)))
