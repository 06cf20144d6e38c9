"""What each container is said to hold is what can be written into it and read again."""

from pathlib import Path

import numpy as np
import pytest

from lipstream.stream.audio_files import AudioLayout, AudioWriter, extension_of, open_audio
from lipstream.stream.media.formats import CONTAINERS, choose_format
from lipstream.tests.stream.media.samples import speech_like


@pytest.mark.parametrize("container", sorted(set(CONTAINERS) - {"WAV"}))
def test_all_that_a_container_holds_comes_back(container: str, tmp_path: Path) -> None:
    told = CONTAINERS[container]
    path = tmp_path / f"in{extension_of(container)}"
    for subtype in (*told.subtypes, *told.rare):
        rate, bit_rate = (8_000, 12_200) if subtype == "AMR_NB" else (48_000, 0)
        sound = speech_like(0.5, rate)
        with AudioWriter(path, AudioLayout(rate, 1, len(sound), container, subtype, bit_rate)) as writer:
            writer.write(sound)
        with open_audio(path) as reader:
            layout = reader.layout
            heard = np.concatenate(list(reader.blocks(rate)))
        assert (layout.format, layout.subtype, layout.sample_rate) == (container, subtype, rate)
        assert len(heard) == pytest.approx(len(sound), abs=0.1 * rate), subtype
        assert choose_format(path, path, layout.format, layout.subtype) == (container, subtype)


def test_what_few_players_know_stays_and_nothing_else_becomes_it() -> None:
    assert choose_format(Path("a.mp4"), Path("b.mp4"), "MP4", "PCM_24") == ("MP4", "PCM_24")
    assert choose_format(Path("a.mp4"), Path("b.wav"), "WAV", "PCM_24") == ("MP4", "AAC")
