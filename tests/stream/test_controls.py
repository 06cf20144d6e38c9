"""Strength in words and in dB."""

import pytest

from lipstream import InputError
from lipstream.stream.controls import NO_LIMIT_DB, parse_strength, strength_words


@pytest.mark.parametrize(
    ("written", "limit_db", "words"),
    [
        ("strong", NO_LIMIT_DB, "strong, without a limit"),
        ("120", 120.0, "strong, without a limit"),
        ("40", 40.0, "strong, up to 40 dB"),
        ("Medium", 24.0, "medium, up to 24 dB"),
        ("18", 18.0, "medium, up to 18 dB"),
        ("light", 12.0, "light, up to 12 dB"),
        ("4.5", 4.5, "light, up to 4.5 dB"),
        ("0", 0.0, "none, 0 dB"),
    ],
)
def test_a_strength_is_read_and_said_in_words(written: str, limit_db: float, words: str) -> None:
    assert parse_strength(written) == limit_db
    assert strength_words(limit_db) == words


@pytest.mark.parametrize("written", ["", "nan", "-3", "loud", "12dB"])
def test_what_is_no_strength_is_told_with_the_choices(written: str) -> None:
    with pytest.raises(InputError, match="light, medium, strong"):
        parse_strength(written)
