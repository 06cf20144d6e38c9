"""A folder with tables of its recordings, as recipes name it without a manifest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.scan import Adapter, Measured
from lipstream.train.data.corpora.tables import ADAPTER, is_held_out

Write = Callable[..., None]

SPEECH = """file,start_s,end_s,source,speaker,licence
a.wav,0,0.05,mini,mini/ls4,CC0
a.wav,0.05,0.1,mini,mini/ls5,GPL
"""
NOISE = "file,start_s,end_s,source\nb.wav,0,0.1,fan\n"


@pytest.fixture
def folder(sounds: Write, tmp_path: Path) -> Path:
    sounds("a.wav", "b.wav", "train/rir/room.flac")
    (tmp_path / "train" / "speech.csv").write_text(SPEECH)
    (tmp_path / "train" / "noise.csv").write_text(NOISE)
    return tmp_path


def test_rows_become_items(folder: Path, listed: Callable[[Adapter], Measured]) -> None:
    first, second, noise, room = listed(ADAPTER).manifest.items
    assert (first.kind, first.speaker, first.split, first.licence) == ("speech", "mini/ls4", "valid", "CC0")
    assert (second.start_s, second.end_s, second.split, second.licence) == (0.05, 0.1, "train", "GPL")
    assert (noise.kind, noise.source, noise.speaker, noise.licence) == ("noise", "fan", "", "unknown")
    assert (room.kind, room.file, room.end_s) == ("rir", "train/rir/room.flac", 0.1)


def test_faces_are_listed_where_there_is_a_table_of_them(folder: Path) -> None:
    (folder / "train" / "av.csv").write_text("file,source,speaker,licence\nf.mp4,grid,s1,CC BY 4.0\n")
    face = ADAPTER.read(folder).items[-1]
    assert (face.kind, face.file, face.source, face.speaker) == ("face", "f.mp4", "grid", "s1")


def test_a_twelfth_of_the_librispeech_speakers_is_held_out_and_nobody_else() -> None:
    speakers = [f"librispeech/ls{number}" for number in range(1000)]
    assert 60 < sum(map(is_held_out, speakers)) < 100
    assert not any(is_held_out(f"other/{number}") for number in range(1000))


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("speech.csv", None, "speech.csv is missing: point the recipe's data"),
        ("noise.csv", "file,start_s,end_s\na.flac,0,1\n", "no rows with the columns source"),
        ("noise.csv", "file,start_s,end_s,source\n", "no rows with the columns end_s, file"),
        ("noise.csv", "file,start_s,end_s,source\nb.wav,now,2,fan\n", "b.wav must be seconds"),
        ("noise.csv", "file,start_s,end_s,source\nb.wav,2,1,fan\n", "b.wav must be seconds"),
        ("av.csv", "file,source\na.mp4,demo\n", "av.csv has no rows with the columns speaker"),
        ("av.csv", "file,source,speaker\n", "av.csv has no rows with the columns file, speaker"),
    ],
)
def test_bad_tables_are_told(table: str, text: str | None, message: str, folder: Path) -> None:
    path = folder / "train" / table
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        ADAPTER.read(folder)


def test_the_real_folder_reads_and_its_split_is_what_it_was(shared_data: Path) -> None:
    if not (shared_data / "train" / "speech.csv").is_file():
        pytest.skip("the data folder holds no recordings for training")
    items = ADAPTER.read(shared_data).items
    assert {item.kind for item in items} == {"speech", "noise", "rir", "face"}
    kept = {item.speaker for item in items if item.split == "valid"}
    assert len(kept) == 18
    assert all(speaker.startswith("librispeech_resemblyzer/ls") for speaker in kept)
