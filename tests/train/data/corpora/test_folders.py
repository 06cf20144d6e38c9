"""Any folder of speech, noise or rooms."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.folders import noise_folder, rir_folder, speech_folder
from lipstream.train.data.corpora.scan import Adapter, Measured

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]


@pytest.mark.parametrize(
    ("depth", "speakers"),
    [(1, {"mine/a", "mine/b", "mine/x"}), (2, {"mine/1", "mine/2", "mine/3", "mine/x"})],
)
def test_a_folder_names_the_speaker(depth: int, speakers: set[str], sounds: Write, listed: Listed) -> None:
    sounds("a/1/x.flac", "a/2/x.ogg", "b/3/x.wav", "x.wav", ".trash/x.wav", "a/1/.x.wav")
    items = listed(speech_folder("mine", "CC0", speaker_depth=depth)).manifest.items
    assert {item.speaker for item in items} == speakers
    assert {(item.kind, item.source, item.licence) for item in items} == {("speech", "mine", "CC0")}


def test_speakers_are_held_out_as_a_whole(sounds: Write, listed: Listed) -> None:
    sounds(*(f"{speaker}/{number}.wav" for speaker in "abcd" for number in range(2)))
    items = listed(speech_folder(share=0.25)).manifest.items
    assert len({(item.speaker, item.split) for item in items}) == 4
    assert sum(item.split == "valid" for item in items) == 2


def test_nothing_is_held_out_where_nothing_is_asked(sounds: Write, listed: Listed) -> None:
    sounds("a.wav", "b.wav")
    assert {item.split for item in listed(noise_folder(share=0.0)).manifest.items} == {"train"}


def test_noise_and_rooms_have_no_speaker(sounds: Write, listed: Listed) -> None:
    sounds("fan/a.wav", "real_rirs/b.wav", "real_rirs/b_noise.wav")
    noise, rooms = (listed(adapter).manifest.items for adapter in (noise_folder(), rir_folder("slr28")))
    assert [item.file for item in noise] == ["fan/a.wav", "real_rirs/b.wav", "real_rirs/b_noise.wav"]
    assert [(item.kind, item.source, item.file) for item in rooms] == [
        ("rir", "slr28", "fan/a.wav"),
        ("rir", "slr28", "real_rirs/b.wav"),
    ]
    assert {item.speaker for item in (*noise, *rooms)} == {""}


def test_linked_folders_are_followed(sounds: Write, listed: Listed, tmp_path: Path) -> None:
    sounds("store/a/x.wav")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "store" / "a")
    assert [item.file for item in speech_folder().read(tmp_path / "here").items] == ["link/x.wav"]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing of noise in .*: expected audio files \(.aac, .aif"):
        noise_folder().read(tmp_path)
