"""GRID: films and sound by talker, split by the talkers' numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.grid import ADAPTER
from lipstream.train.data.corpora.scan import Adapter, Measured

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]


def test_films_are_faces_and_wavs_are_speech(sounds: Write, films: Write, listed: Listed) -> None:
    films("s1/bbaf2n.mpg", rate=44100)
    sounds("audio_25k/s1/bbaf2n.wav", rate=25000)
    (speech, face) = listed(ADAPTER).manifest.items
    assert (face.kind, face.file, face.speaker) == ("face", "s1/bbaf2n.mpg", "grid/s1")
    assert face.sample_rate == 44100
    assert face.end_s == pytest.approx(0.2, abs=0.06)
    assert (speech.kind, speech.speaker, speech.sample_rate, speech.end_s) == (
        "speech",
        "grid/s1",
        25000,
        0.1,
    )
    assert speech.licence == "CC BY 4.0"


def test_talkers_are_split_by_their_numbers(sounds: Write, listed: Listed) -> None:
    sounds(*(f"s{number}/a.wav" for number in (1, 28, 29, 31, 32, 34)))
    splits = {item.speaker: item.split for item in listed(ADAPTER).manifest.items}
    assert splits == {
        "grid/s1": "train",
        "grid/s28": "train",
        "grid/s29": "valid",
        "grid/s31": "valid",
        "grid/s32": "test",
        "grid/s34": "test",
    }


def test_the_layout_of_the_video_archives_is_found_and_other_folders_are_not(
    films: Write, sounds: Write, listed: Listed
) -> None:
    films("video/s2/video/mpg_6000/a.mpg", "video/s35/a.mpg", "s/a.mpg")
    sounds("a.wav", "s0/a.wav")
    assert {item.file for item in listed(ADAPTER).manifest.items} == {"video/s2/video/mpg_6000/a.mpg"}


def test_a_sentence_in_two_qualities_counts_once(films: Write, listed: Listed) -> None:
    films("s2/mpg_6000/a.mpg", "s2/mpg_vcd/a.mpg")
    assert {item.file for item in listed(ADAPTER).manifest.items} == {"s2/mpg_6000/a.mpg"}


def test_films_without_sound_files_beside_them_are_heard_as_speech_too(films: Write, listed: Listed) -> None:
    films("s1/a.mpg")
    face, speech = listed(ADAPTER).manifest.items
    assert (face.kind, speech.kind) == ("face", "speech")
    assert replace(speech, kind="face") == face


def test_a_wrong_folder_is_told_the_layout(sounds: Write, tmp_path: Path) -> None:
    sounds("speech/a.wav")
    with pytest.raises(InputError, match=r"nothing of grid in .*: expected folders s1 ... s34, at any depth"):
        ADAPTER.read(tmp_path)
    with pytest.raises(InputError, match=r"none is no folder: grid is expected as folders s1 ... s34"):
        ADAPTER.read(tmp_path / "none")
