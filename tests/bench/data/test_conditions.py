"""What is made of clean speech, to see what is left of it: quiet, in hiss, whispered."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.bench.data.conditions import CONDITIONS, FidelitySet, at_level, speech_items, whisper
from lipstream.bench.data.recordings import Item
from lipstream.bench.metrics.level import active_level_db, level_error_db
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture(scope="module")
def speech(speech_like: MakeSpeech) -> np.ndarray:
    return speech_like(3.0)


def test_speech_comes_at_the_levels_that_are_told(speech: np.ndarray):
    items = {item.condition: item for item in speech_items(Item("a", "noise", 5.0, speech, speech))}
    assert tuple(items) == CONDITIONS
    assert items["whispered"].id == "a, whispered"
    levels = {name: active_level_db(item.clean) for name, item in items.items()}
    assert levels["clean"] == active_level_db(speech)
    assert [levels[name] for name in ("-40 dBFS", "whispered, -40 dBFS")] == pytest.approx([-40] * 2, abs=0.1)
    assert levels["-50 dBFS"] == pytest.approx(-50, abs=0.1)
    *alone, hissing = items.values()
    assert all(item.noisy is item.clean and math.isinf(item.snr_db) for item in alone)
    assert 20 * np.log10(np.std(hissing.noisy - hissing.clean)) == pytest.approx(-65, abs=0.2)


def test_silence_has_no_level_to_set_and_its_recording_is_named():
    silence = np.zeros(16000, np.float32)
    with pytest.raises(InputError, match="no speech"):
        at_level(silence, -40.0)
    with pytest.raises(InputError, match=r"'n7'.*no speech"):
        list(speech_items(Item("n7", "noise", 5.0, silence, silence)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, speech: np.ndarray) -> Path:
    """Two recordings of x in noise, one of y beside a talker, one of z in noise."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "test" / "audio").mkdir(parents=True)
    rows = ["a,noise,5,x", "b,noise,0,x", "c,talker,0,y", "d,noise,5,z"]
    (folder / "test" / "audio.csv").write_text("\n".join(["id,condition,snr_db,speaker", *rows]))
    for name in "abcd":
        for kind in ("clean", "noisy"):
            soundfile.write(folder / "test" / "audio" / f"{name}.{kind}.flac", speech[:8000], 16000)
    return folder


def test_each_speaker_is_taken_once_and_noise_as_often_as_it_is_there(data: Path):
    recordings = FidelitySet(data, speakers=2)
    items = list(recordings)
    assert [item.id for item in items] == recordings.ids
    assert {item.id for item in items if item.condition == "whispered"} == {"a, whispered", "c, whispered"}
    in_noise = [(item.condition, item.snr_db) for item in items if math.isfinite(item.snr_db)]
    assert in_noise == [("noise", 5.0), ("noise", 0.0)]
    assert len(FidelitySet(data).ids) == len(recordings.ids) + len(CONDITIONS) + 1


def periodicity(wave: np.ndarray) -> float:
    """The highest autocorrelation at lags of 80 to 400 Hz over that at 0, in the middle of a syllable."""
    frame = wave[1400:2600].astype(np.float64)
    lags = np.correlate(frame, frame, "full")[frame.size - 1 :]
    return float(lags[40:200].max() / lags[0])


def third_octaves_db(wave: np.ndarray) -> np.ndarray:
    """Mean levels in bands between 200 Hz and 6.4 kHz."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    edges = (np.geomspace(200, 6400, 16) * wave.size / 16000).astype(int)
    return 10 * np.log10(np.add.reduceat(power, edges)[:-1])


def test_a_whisper_has_the_envelope_of_the_speech(speech: np.ndarray):
    difference = third_octaves_db(whisper(speech)) - third_octaves_db(speech)
    assert np.abs(difference).max() < 3.0
    assert level_error_db(speech, whisper(speech)) == pytest.approx(0.0, abs=0.7)


def test_a_whisper_has_no_pitch(speech: np.ndarray):
    assert periodicity(speech) > 0.7
    assert periodicity(whisper(speech)) < 0.4


def test_pauses_stay_pauses(speech: np.ndarray):
    paused = speech.copy()
    paused[16000:32000] = 0.0
    assert np.abs(whisper(paused)[16512:31488]).max() < 1e-4 * np.abs(speech).max()


def test_the_same_seed_gives_the_same_whisper(speech: np.ndarray):
    np.testing.assert_array_equal(whisper(speech), whisper(speech))
    assert not np.array_equal(whisper(speech), whisper(speech, seed=1))


def test_silence_whispers_nothing():
    assert np.abs(whisper(np.zeros(16000, np.float32))).max() < 1e-9


def test_less_than_a_frame_is_refused(speech: np.ndarray):
    with pytest.raises(InputError, match="too short"):
        whisper(speech[:511])
