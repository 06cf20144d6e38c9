"""Noise pools: what of them is used, and that a twentieth is held out."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.pools import DEMAND, DNS, MUSAN, pool
from lipstream.train.data.corpora.scan import Adapter, Measured

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]


def test_of_demand_one_microphone_a_place_is_used(sounds: Write, listed: Listed) -> None:
    places = ("DKITCHEN", "NPARK", "TMETRO")
    sounds(*(f"{place}/ch{channel:02}.wav" for place in places for channel in (1, 2, 16)))
    items = listed(DEMAND).manifest.items
    assert [item.file for item in items] == [f"{place}/ch01.wav" for place in places]
    assert {(item.kind, item.source) for item in items} == {("noise", "demand")}
    assert Counter(item.split for item in items) == {"train": 2, "valid": 1}


@pytest.mark.parametrize("name", ["{}_{}/{}/ch01.wav", "{}_{}/ch01.wav"])
def test_a_place_of_demand_in_two_rates_counts_once(name: str, sounds: Write, listed: Listed) -> None:
    for rate in ("16k", "48k"):
        sounds(*(name.format(place, rate, place) for place in ("DKITCHEN", "NPARK")))
    items = listed(DEMAND).manifest.items
    assert [item.file for item in items] == [
        name.format(place, "16k", place) for place in ("DKITCHEN", "NPARK")
    ]


def test_dns_gives_noise_and_rooms_and_keeps_the_parts_of_a_recording_together(
    sounds: Write, listed: Listed
) -> None:
    root = "datasets_fullband"
    sounds(*(f"{root}/noise_fullband/door_{number}_{part}.wav" for number in "abcd" for part in range(3)))
    sounds(f"{root}/impulse_responses/SLR26/a.wav", f"{root}/impulse_responses/SLR26/b.wav")
    sounds(f"{root}/clean_fullband/read_speech/book_1.wav")
    items = listed(DNS).manifest.items
    assert Counter(item.kind for item in items) == {"noise": 12, "rir": 2}
    sides = {(item.file.split("_")[3], item.split) for item in items if item.kind == "noise"}
    assert len(sides) == 4
    assert Counter(split for _, split in sides) == {"train": 3, "valid": 1}


def test_musan_gives_noise_and_music_but_no_speech(sounds: Write, listed: Listed) -> None:
    sounds(
        "musan/noise/free-sound/noise-free-sound-0000.wav", "musan/noise/free-sound/noise-free-sound-0001.wav"
    )
    sounds("musan/music/fma/music-fma-0000.wav", "musan/speech/librivox/speech-librivox-0000.wav")
    items = listed(MUSAN).manifest.items
    assert Counter(item.source for item in items) == {"musan-noise": 2, "musan-music": 1}
    assert {item.kind for item in items} == {"noise"}


def test_one_recording_in_twenty_is_held_out() -> None:
    items = list(pool([Path(f"{number}.wav") for number in range(200)], "pool", "CC0"))
    assert Counter(item.split for item in items) == {"train": 190, "valid": 10}


@pytest.mark.parametrize(("adapter", "expected"), [(DEMAND, "DKITCHEN"), (DNS, "datasets"), (MUSAN, "noise")])
def test_a_wrong_folder_is_told_the_layout(
    adapter: Adapter, expected: str, sounds: Write, tmp_path: Path
) -> None:
    sounds("somewhere/a.wav")
    with pytest.raises(InputError, match=rf"nothing of {adapter.name} in .*: expected .*{expected}"):
        adapter.read(tmp_path)
