"""VoiceBank+DEMAND: clean speech and its noisy twin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.scan import Adapter, Measured
from lipstream.train.data.corpora.voicebank import ADAPTER

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]


def test_speech_comes_with_its_noisy_twin_and_the_usual_split(sounds: Write, listed: Listed) -> None:
    for side in ("clean", "noisy"):
        sounds(f"{side}_trainset_28spk_wav/p226_001.wav", rate=48000)
        sounds(f"{side}_trainset_28spk_wav/p228_001.wav", rate=48000)
        sounds(f"{side}_trainset_56spk_wav/p234_001.wav", rate=48000)
        sounds(f"{side}_testset_wav/p232_001.wav", rate=48000)
    items = {item.speaker: item for item in listed(ADAPTER).manifest.items}
    assert {speaker: item.split for speaker, item in items.items()} == {
        "voicebank/p226": "valid",
        "voicebank/p228": "train",
        "voicebank/p234": "train",
        "voicebank/p232": "test",
    }
    one = items["voicebank/p228"]
    assert (one.kind, one.file) == ("speech", "clean_trainset_28spk_wav/p228_001.wav")
    assert one.noisy == "noisy_trainset_28spk_wav/p228_001.wav"
    assert one.sample_rate == 48000


def test_clean_speech_will_do_without_its_twin(sounds: Write, listed: Listed) -> None:
    sounds("clean_trainset_28spk_wav/p228_001.wav")
    (item,) = listed(ADAPTER).manifest.items
    assert item.noisy == ""


def test_a_wrong_folder_is_told_the_layout(sounds: Write, tmp_path: Path) -> None:
    sounds("wav/p228_001.wav")
    with pytest.raises(InputError, match=r"expected clean_trainset_28spk_wav, noisy_trainset_28spk_wav"):
        ADAPTER.read(tmp_path)
