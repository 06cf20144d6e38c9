"""The voices of a synthetic corpus: how many, of which styles, and what is kept for validation."""

from collections import Counter

import pytest

from lipstream.errors import InputError
from lipstream.train.makers.voices import FASTEST, SLOWEST, draw_voices

STYLES = [
    *(f"af_{name}" for name in "abcdefghijk"),
    *(f"am_{name}" for name in "abcdefghi"),
    *(f"bf_{name}" for name in "abcd"),
    *(f"bm_{name}" for name in "abcd"),
    *("ef_a", "em_b", "em_c", "ff_a", "hf_a", "hf_b", "hm_c", "hm_d", "if_a", "im_b", "pf_a", "pm_b", "pm_c"),
    *("jf_a", "zm_b"),
]


def test_there_are_as_many_different_voices_as_asked_for() -> None:
    voices = draw_voices(STYLES, 440, 1)
    assert len(voices) == len({voice.name for voice in voices}) == len({v.styles for v in voices}) == 440
    assert {voice.language for voice in voices} == {"en-us", "en-gb", "es", "fr", "hi", "it", "pt-br"}
    for voice in voices:
        assert SLOWEST <= voice.speed <= FASTEST
        assert 1 <= len(voice.styles) <= 3
        assert sum(weight for _, weight in voice.styles) == pytest.approx(1.0, abs=1e-3)
        assert voice.styles[0][1] == max(weight for _, weight in voice.styles)
        assert not any(style[0] in "jz" for style, _ in voice.styles)


def test_no_style_of_validation_is_in_a_voice_of_training() -> None:
    heard: dict[str, set[str]] = {"train": set(), "valid": set()}
    voices = draw_voices(STYLES, 440, 1)
    for voice in voices:
        heard[voice.split] |= {style for style, _ in voice.styles}
    assert not heard["train"] & heard["valid"]
    assert len(heard["valid"]) == 4
    assert Counter(voice.split for voice in voices)["valid"] == 18


def test_styles_are_joined_with_those_of_their_family_alone() -> None:
    for voice in draw_voices(STYLES, 300, 2):
        accents = {style[0] for style, _ in voice.styles}
        assert any(accents <= set(family) for family in ("ab", "efip", "h"))


def test_the_same_seed_gives_the_same_voices() -> None:
    assert draw_voices(STYLES, 60, 3) == draw_voices(reversed(STYLES), 60, 3) != draw_voices(STYLES, 60, 4)


def test_every_part_of_the_list_has_most_languages() -> None:
    voices = draw_voices(STYLES, 440, 1)
    for start in range(0, 440, 110):
        assert len({voice.language for voice in voices[start : start + 110]}) >= 6


@pytest.mark.parametrize(("styles", "count"), [(STYLES, 12), (["ff_a"], 5), ([], 5)])
def test_too_few_voices_or_styles_are_refused(styles: list[str], count: int) -> None:
    with pytest.raises(InputError, match="at least as many voices as styles are needed"):
        draw_voices(styles, count, 1)
