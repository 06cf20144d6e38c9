"""Shards: what manifests list, packed; read as it was written; damage and leftovers told."""

import json
import tarfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.core.crew import Crew, Done, Event, Make
from lipstream.errors import InputError
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.data.manifest import Item, Manifest, read_manifest
from lipstream.train.data.sharding import plan_shards, write_shards
from lipstream.train.data.shards import LIST, is_list, read_list, read_shard, write_shard


class Here:
    """A crew of one, in this process."""

    size = 1

    def __init__(self, make: Make) -> None:
        self._do = make()
        self._news: list[Event] = []

    def start(self, worker: int) -> None:
        self._news.append(Event(worker, Done()))

    def give(self, worker: int, jobs: Sequence[Any]) -> None:
        self._news.append(Event(worker, Done([self._do(job) for job in jobs])))

    def events(self, timeout_s: float) -> list[Event]:
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        pass


def quiet(done: float, total: float) -> None:
    pass


def pack(data: Path, out: Path, hours: float = 0.001, crew: Callable[[Make], Crew] = Here) -> tuple[str, ...]:
    """Shards of 3.6 s; returns what is wrong."""
    jobs = plan_shards(read_library(str(data)), hours, quiet)
    return write_shards(jobs, out, out.parent / "cut", crew, quiet)[1]


def test_what_is_read_of_shards_is_what_manifests_list(data: Path, tmp_path: Path) -> None:
    assert pack(data, tmp_path / "out") == ()
    shards = read_list(tmp_path / "out" / LIST)
    clips = [clip for shard in shards.shards for clip in read_shard(shards.root / shard.file)]
    corpus = read_corpus(read_library(str(data)), tmp_path / "cache")

    def told(clips: Sequence[Any]) -> list[tuple[Any, ...]]:
        parts = ((clip, clip.recording.samples[clip.start : clip.end].tobytes()) for clip in clips)
        return sorted((clip.source, clip.group, clip.split, sound) for clip, sound in parts)

    assert told(clips) == told([*corpus.speech, *corpus.noise])
    assert sum(shard.items for shard in shards.shards) == len(clips) == 8
    seconds = {
        kind: sum(s.seconds() for s in shards.shards if s.kind == kind) for kind in ("speech", "noise")
    }
    assert seconds == {"speech": pytest.approx(10.5, abs=1e-3), "noise": pytest.approx(5.0, abs=1e-3)}
    assert all(shard.seconds() < 3.6 + 3.0 for shard in shards.shards)


def test_a_shard_is_a_tar_of_wav_and_json_files(data: Path, tmp_path: Path) -> None:
    pack(data, tmp_path / "out")
    name = next(shard.file for shard in read_list(tmp_path / "out" / LIST).shards if shard.kind == "speech")
    with tarfile.open(tmp_path / "out" / name) as tar:
        names = tar.getnames()
        assert names[:2] == ["000000.json", "000000.wav"]
        sound, rate = soundfile.read(BytesIO(tar.extractfile("000000.wav").read()), dtype="int16")  # type: ignore[union-attr]
        told = json.loads(tar.extractfile("000000.json").read())  # type: ignore[union-attr]
    (clip, *_) = read_shard(tmp_path / "out" / name)
    assert rate == 16_000
    np.testing.assert_array_equal(sound, clip.recording.samples)
    assert told["kind"] == "speech"
    assert told["speaker"] == clip.group


def test_webdataset_reads_the_shards(data: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    pack(data, tmp_path / "out")
    shards = read_list(tmp_path / "out" / LIST)
    for shard in shards.shards:
        path = shards.root / shard.file
        read = list(webdataset.WebDataset(str(path), shardshuffle=False))
        clips = list(read_shard(path))
        assert len(read) == len(clips)
        for sample, clip in zip(read, clips, strict=True):
            heard, _ = soundfile.read(BytesIO(sample["wav"]), dtype="int16")
            np.testing.assert_array_equal(heard, clip.recording.samples)
            assert json.loads(sample["json"])["source"] == clip.source


def test_noisy_twins_and_licences_come_along(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clean, noisy, other = (rng.integers(-99, 99, 400).astype(np.int16) for _ in range(3))
    free = Item("speech", "a.wav", "vb", "vb/1", licence="CC BY 4.0")
    paid = Item("speech", "b.wav", "vb", "vb/2", licence="research only")
    write_shard(tmp_path / "s.tar", [(free, clean, noisy), (paid, other, None)])
    first, second = read_shard(tmp_path / "s.tar")
    assert first.noisy is not None
    np.testing.assert_array_equal(first.noisy.samples, noisy)
    assert second.noisy is None
    (kept,) = read_shard(tmp_path / "s.tar", ("Research",))
    assert kept.group == "vb/1"


def test_what_is_missing_is_made_and_the_rest_left_alone(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pack(data, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    gone = next(out.glob("*.tar"))
    gone.unlink()
    kept = next(out.glob("*.tar")).stat().st_mtime_ns
    (out / ".lipstream-0123456789ab.part.tar").write_bytes(b"left by a dead worker")
    pack(data, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert next(path for path in out.glob("*.tar") if path != gone).stat().st_mtime_ns == kept
    with pytest.raises(InputError, match="holds something else"):
        pack(data, out, hours=0.002)


def test_a_recording_that_cannot_be_read_is_left_out_and_named(data: Path, tmp_path: Path) -> None:
    (data / "train" / "noise" / "fan.flac").write_bytes(b"no sound")
    (problem,) = pack(data, tmp_path / "out")
    assert "fan.flac" in problem
    assert {shard.source for shard in read_list(tmp_path / "out" / LIST).shards} == {"mini", "noisekun"}


def test_damage_and_what_is_no_list_are_told(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pack(data, out)
    assert is_list(out / LIST)
    assert not is_list(data / "train" / "speech.csv")
    with pytest.raises(InputError, match="lists shards, which only lipstream train reads"):
        read_manifest(out / LIST)
    shard = next(out.glob("*.tar"))
    shard.write_bytes(b"no tar at all" * 99)
    with pytest.raises(InputError, match="is damaged or no shard"):
        list(read_shard(shard))
    shard.unlink()
    with pytest.raises(InputError, match=r"is listed in shards\.jsonl but missing"):
        read_list(out / LIST)
    with pytest.raises(InputError, match="is no list of shards"):
        read_list(data / "train" / "speech.csv")


def test_nothing_to_pack_is_told(tmp_path: Path) -> None:
    rooms = Manifest("rooms", tmp_path, (Item("rir", "room.flac", "rooms"),))
    with pytest.raises(InputError, match="no speech and no noise"):
        plan_shards((rooms,), 1.0, quiet)
