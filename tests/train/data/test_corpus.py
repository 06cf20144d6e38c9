"""Reading the recordings that training mixes from."""

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from lipstream.errors import InputError
from lipstream.train.data.corpus import Clip, Corpus, read_corpus, read_library
from lipstream.train.data.manifest import Item, Manifest
from lipstream.train.data.recordings import SAMPLE_RATE, Int16


@dataclass(frozen=True)
class InMemory:
    """A recording that is in no file."""

    samples: Int16


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def read(data: Path, cache: Path) -> Corpus:
    return read_corpus(read_library(str(data)), cache)


def test_clips_carry_their_place_source_and_group(data: Path, cache: Path) -> None:
    corpus = read(data, cache)
    assert len(corpus.speech) == 6
    second = corpus.speech[1]
    assert (second.start, second.end) == (28000, 60000)
    assert (second.source, second.group) == ("mini", "mini/ls4")
    assert [(clip.source, clip.group) for clip in corpus.noise] == [("fan", "fan"), ("noisekun", "noisekun")]


def test_samples_are_those_of_the_file(data: Path, cache: Path) -> None:
    clip = read(data, cache).speech[0]
    expected, _ = soundfile.read(data / "train" / "speech" / "mini.flac", dtype="float32")
    found = clip.read(clip.end - clip.start, np.random.default_rng(0))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected[clip.start : clip.end])


def test_impulse_responses_start_at_their_direct_sound_with_unit_energy(data: Path, cache: Path) -> None:
    (room,) = read(data, cache).rooms
    response = room.read()
    assert response.size == 1500
    assert np.argmax(np.abs(response)) == 0
    assert np.sum(response**2) == pytest.approx(1.0, abs=1e-5)


def test_a_room_recorded_at_a_very_low_level_keeps_its_tail(data: Path, cache: Path) -> None:
    path = data / "train" / "rir" / "room.flac"
    response, _ = soundfile.read(path)
    (usual,) = read(data, cache).rooms
    soundfile.write(path, response * 0.001, SAMPLE_RATE, subtype="PCM_24")
    (quiet,) = read(data, cache).rooms
    np.testing.assert_allclose(quiet.read(), usual.read(), atol=2e-4)


@given(data=st.data(), total=st.integers(1, 400), length=st.integers(1, 900), seed=st.integers(0, 99))
def test_a_read_is_always_as_long_as_asked_and_follows_the_file(
    data: st.DataObject, total: int, length: int, seed: int
) -> None:
    start = data.draw(st.integers(0, total - 1))
    end = data.draw(st.integers(start + 1, total))
    clip = Clip(InMemory(np.arange(total, dtype=np.int16)), start, end, "a", "a")
    found = np.round(clip.read(length, np.random.default_rng(seed)) * 32768).astype(int)
    assert found.size == length
    assert start <= found[0] < end
    until_end = total - found[0]
    np.testing.assert_array_equal(found[:until_end], np.arange(found[0], total)[:length])
    rest = found[until_end:][:total]
    np.testing.assert_array_equal(rest, np.arange(rest.size))


def test_a_pair_is_of_the_same_moment() -> None:
    ramp = np.arange(1000, dtype=np.int16)
    clip = Clip(InMemory(ramp), 100, 900, "a", "a", noisy=InMemory((ramp + 2000).astype(np.int16)))
    for seed in range(20):
        clean, noisy = clip.read_pair(50, np.random.default_rng(seed))
        np.testing.assert_allclose(noisy - clean, 2000 / 32768, atol=1e-6)
        np.testing.assert_array_equal(clean, clip.read(50, np.random.default_rng(seed)))


def test_a_split_shares_nothing_but_the_rooms(data: Path, cache: Path) -> None:
    corpus = read(data, cache)
    kept, held_out = corpus.split(lambda clip: clip.group in ("mini/ls4", "noisekun"))
    assert {clip.group for clip in held_out.speech + held_out.noise} == {"mini/ls4", "noisekun"}
    assert {clip.group for clip in kept.speech + kept.noise} == {"mini/ls5", "mini/ls6", "fan"}
    assert kept.rooms == held_out.rooms == corpus.rooms


def test_rooms_that_a_manifest_holds_out_are_heard_in_validation_alone(data: Path, cache: Path) -> None:
    rooms = tuple(Item("rir", "train/rir/room.flac", "r", split=split) for split in ("train", "valid"))
    corpus = read_corpus((Manifest("r", data, rooms),), cache)
    kept, held_out = corpus.split(lambda clip: False)
    assert [room.split for room in kept.rooms] == ["train"]
    assert [room.split for room in held_out.rooms] == ["valid"]


def test_the_cache_is_used_until_the_recording_changes(data: Path, cache: Path) -> None:
    first = read(data, cache).noise[0]
    files = {path: path.stat().st_mtime_ns for path in cache.iterdir() if path.is_file()}
    assert files
    read(data, cache)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir() if path.is_file()} == files

    recording = data / "train" / "noise" / "fan.flac"
    soundfile.write(recording, np.zeros(first.recording.samples.size), SAMPLE_RATE)
    os.utime(recording, ns=(1, 1))  # in case the clock of the file system has not moved on
    assert not read(data, cache).noise[0].recording.samples.any()


def test_recordings_of_the_same_name_are_told_apart(data: Path, cache: Path) -> None:
    folder = data / "train"
    soundfile.write(folder / "noise" / "mini.flac", np.zeros(1600), SAMPLE_RATE)
    (folder / "noise.csv").write_text("file,start_s,end_s,source\ntrain/noise/mini.flac,0,0.1,fan\n")
    assert read(data, cache).noise[0].recording.samples.size == 1600


def test_a_corpus_goes_to_another_process_as_names_of_files_not_as_samples(data: Path, cache: Path) -> None:
    corpus = read(data, cache)
    packed = pickle.dumps(corpus)
    assert len(packed) < 5000
    clip, again = corpus.speech[0], pickle.loads(packed).speech[0]
    np.testing.assert_array_equal(again.recording.samples, clip.recording.samples)


def test_rows_without_an_end_go_to_the_end_of_their_file(data: Path, cache: Path) -> None:
    item = Item("noise", "train/noise/fan.flac", "fan", start_s=0.5)
    (clip,) = read_corpus((Manifest("fan", data, (item,)),), cache).noise
    assert (clip.start, clip.end) == (8000, 48000)


def _drop(file: str) -> Callable[[Path], None]:
    return lambda data: (data / file).unlink()


def _text(file: str, text: str) -> Callable[[Path], None]:
    def write(data: Path) -> None:
        (data / file).write_text(text)

    return write


def _silence(file: str) -> Callable[[Path], None]:
    return lambda data: soundfile.write(data / file, np.zeros(800), SAMPLE_RATE)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("train/noise/fan.flac"), "fan.flac is listed for training but missing"),
        (_text("train/noise/fan.flac", "no audio"), "fan.flac cannot be read as audio"),
        (_silence("train/rir/room.flac"), "room.flac is silent: it cannot be an impulse response"),
    ],
    ids=["missing", "no audio", "silent room"],
)
def test_damaged_recordings_are_named(
    damage: Callable[[Path], None], message: str, data: Path, cache: Path
) -> None:
    damage(data)
    with pytest.raises(InputError, match=message):
        read(data, cache)
    assert not list(cache.rglob("*.part*"))
