"""Holding out by hash, and measuring what was found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.errors import InputError
from lipstream.train.data.corpora.folders import noise_folder
from lipstream.train.data.corpora.scan import Adapter, Measured, held_out, measure_items

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]

NAMES = st.sets(st.text(max_size=5), max_size=60)


@given(names=NAMES, share=st.floats(0.01, 0.5))
def test_about_the_share_is_held_out_but_never_all_and_never_none(names: set[str], share: float) -> None:
    kept = held_out(names, share)
    assert kept <= names
    if len(names) > 1:
        assert 1 <= len(kept) < len(names)
        assert abs(len(kept) - share * len(names)) <= 1
    else:
        assert not kept


@given(names=NAMES, new=st.text(max_size=5))
def test_the_choice_is_of_the_names_alone_and_a_new_name_moves_one_other_at_most(
    names: set[str], new: str
) -> None:
    before = held_out(names, 0.1)
    assert held_out(sorted(names, reverse=True), 0.1) == before
    assert len((held_out(names | {new}, 0.1) ^ before) - {new}) <= 1


def test_the_choice_is_the_same_on_every_machine() -> None:
    assert held_out((f"s{number}" for number in range(20)), 0.1) == {"s7", "s8"}


def test_nothing_is_held_out_of_nothing() -> None:
    assert held_out((), 0.5) == frozenset()
    assert held_out(("a", "b"), 0.0) == frozenset()


def test_lengths_and_rates_are_filled_in_and_bad_files_left_out(
    sounds: Write, listed: Listed, tmp_path: Path
) -> None:
    sounds("a.wav", rate=8000)
    sounds("b.wav", rate=44100, channels=2)
    (tmp_path / "c.wav").write_bytes(b"no sound")
    (tmp_path / "d.wav").touch()
    found = listed(noise_folder())
    assert [(item.file, item.sample_rate, item.end_s) for item in found.manifest.items] == [
        ("a.wav", 8000, 0.1),
        ("b.wav", 44100, 0.1),
    ]
    assert len(found.left_out) == 2
    assert "c.wav cannot be read" in found.left_out[0]


def test_a_long_scan_tells_how_far_it_is(sounds: Write, tmp_path: Path) -> None:
    sounds("a.wav", "b.wav", "c.wav")
    told: list[tuple[float, float]] = []
    measure_items(noise_folder().read(tmp_path), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_of_bad_files_alone_is_told(tmp_path: Path, listed: Listed) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"none of 1 files can be read, such as: .*a.wav"):
        listed(noise_folder())
