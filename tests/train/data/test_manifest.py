"""Manifests: what is written is read, where the recordings are, and what bad ones are told."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.errors import InputError
from lipstream.train.data.manifest import (
    KINDS,
    SPLITS,
    Item,
    Manifest,
    read_manifest,
    speakers_on_both_sides,
    write_manifest,
)

HEADER = '{"format": "lipstream-manifest", "version": 1, "corpus": "c", "root": "r"}'
SPEECH = Item("speech", "a/b.wav", "mine", "mine/a", end_s=1.5, sample_rate=16000)

NAMES = st.text(min_size=1, max_size=12)


@st.composite
def items(draw: st.DrawFn) -> Item:
    kind = draw(st.sampled_from(KINDS))
    start_s = 0.0 if kind == "face" else draw(st.floats(0, 1e4))
    return Item(
        kind,
        draw(NAMES),
        draw(NAMES),
        draw(NAMES),
        draw(st.sampled_from(SPLITS)),
        start_s,
        draw(st.none() | st.floats(start_s, 1e5)),
        draw(st.none() | st.integers(1, 192000)),
        draw(st.text()),
        draw(st.text()),
    )


@given(rows=st.lists(items(), max_size=5))
def test_what_is_written_is_read(rows: list[Item], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("manifest") / "m.jsonl"
    written = Manifest("any", path.parent / "corpus", tuple(rows))
    write_manifest(written, path)
    read = read_manifest(path)
    assert (read.corpus, read.items) == (written.corpus, written.items)
    assert read.root.resolve() == written.root.resolve()
    assert [entry.name for entry in path.parent.iterdir()] == ["m.jsonl"]


def test_recordings_are_found_again_when_manifest_and_corpus_move_together(tmp_path: Path) -> None:
    (tmp_path / "old" / "lists").mkdir(parents=True)
    (tmp_path / "old" / "corpus").mkdir()
    write_manifest(Manifest("c", tmp_path / "old" / "corpus", (SPEECH,)), tmp_path / "old/lists/c.jsonl")
    (tmp_path / "old").rename(tmp_path / "new")
    manifest = read_manifest(tmp_path / "new" / "lists" / "c.jsonl")
    assert manifest.path(SPEECH).resolve() == tmp_path / "new" / "corpus" / "a" / "b.wav"


def test_rows_say_only_what_is_not_the_default(tmp_path: Path) -> None:
    write_manifest(Manifest("c", tmp_path, (SPEECH,)), tmp_path / "m.jsonl")
    header, row = map(json.loads, (tmp_path / "m.jsonl").read_text().splitlines())
    assert header == {"format": "lipstream-manifest", "version": 1, "corpus": "c", "root": "."}
    assert row == {
        "kind": "speech",
        "file": "a/b.wav",
        "source": "mine",
        "speaker": "mine/a",
        "end_s": 1.5,
        "sample_rate": 16000,
    }


def test_a_manifest_that_cannot_be_written_leaves_the_one_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_manifest(Manifest("c", tmp_path, (SPEECH,)), tmp_path / "none" / "m.jsonl")
    (tmp_path / "m.jsonl").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_manifest(Manifest("c", tmp_path, (SPEECH,)), tmp_path / "m.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["m.jsonl"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no JSON"),
        ("file,source\n", "line 1: no JSON"),
        ("[]\n", "line 1: no JSON object"),
        ('{"kind": "speech"}\n', "is no manifest: make one with lipstream data"),
        (HEADER.replace("1,", "2,"), "version 2 of the manifest and this lipstream reads 1"),
        (HEADER.replace('"r"', "3"), "first line must name the root"),
        (HEADER + "\n{", "line 2: no JSON"),
        (HEADER + '\n\n{"kind": "noise"}', "line 3: kind, file and source are needed"),
        (HEADER + '\n{"kind": "noise", "file": "a", "source": "b", "rate": 3}', "unknown field 'rate'"),
        (HEADER + '\n{"kind": "song", "file": "a", "source": "b"}', "kind must be one of speech"),
        (HEADER + '\n{"kind": "noise", "file": 3, "source": "b"}', "file must be a string, not 3"),
    ],
)
def test_what_is_no_manifest_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / "m.jsonl")


def test_a_missing_manifest_and_a_binary_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such manifest; make one with lipstream data"):
        read_manifest(tmp_path / "m.jsonl")
    (tmp_path / "m.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no manifest"):
        read_manifest(tmp_path / "m.jsonl")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speaker": ""}, "a speaker for speech and faces"),
        ({"file": ""}, "file and source are needed"),
        ({"split": "dev"}, "split one of train, valid, test"),
        ({"start_s": -1.0}, "start_s must be seconds of at least 0"),
        ({"start_s": float("nan")}, "start_s must be seconds"),
        ({"start_s": 2.0}, "end_s must be seconds of at least 2"),
        ({"end_s": "1"}, "end_s must be seconds"),
        ({"end_s": float("inf")}, "end_s must be seconds"),
        ({"sample_rate": 0}, "sample_rate must be a whole number"),
        ({"kind": "face", "start_s": 1.0}, "a face is a whole file"),
    ],
)
def test_values_out_of_range_are_told(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SPEECH, **changes)  # type: ignore[arg-type]


def test_speakers_who_are_on_both_sides_are_found() -> None:
    other = replace(SPEECH, speaker="mine/b")
    noise = (Item("noise", "a", "fan"), Item("noise", "b", "fan", split="valid"))
    assert speakers_on_both_sides((SPEECH, SPEECH, other, *noise)) == set()
    assert speakers_on_both_sides((SPEECH, other, replace(SPEECH, split="test"))) == {"mine/a"}
