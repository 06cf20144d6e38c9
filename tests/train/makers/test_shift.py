"""Voices shifted: what becomes of pitch, formants and length, and the corpus of it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.errors import InputError
from lipstream.train.data.manifest import Item, Manifest, read_manifest
from lipstream.train.data.recordings import SAMPLE_RATE
from lipstream.train.makers.shift import (
    FORMANT_OCTAVES,
    PITCH_OCTAVES,
    draw_shift,
    jobs_of,
    shift,
    shift_voice,
)
from lipstream.train.makers.work import write_sound


def vowel(pitch_hz: float, formants_hz: tuple[float, ...], seconds: float = 1.0) -> np.ndarray:
    """A steady vowel: harmonics under resonances."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(time))
    for number in range(1, int(7000 / pitch_hz)):
        hertz = number * pitch_hz
        gain = sum(1.0 / (1.0 + ((hertz - formant) / 90.0) ** 2) for formant in formants_hz)
        sound += gain * np.sin(2 * np.pi * hertz * time + number)
    return (0.3 * sound / np.max(np.abs(sound))).astype(np.float32)


def peak_hz(sound: np.ndarray, low: float, high: float, smooth_hz: float = 0.0) -> float:
    """Where the spectrum between two frequencies is strongest."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    if smooth_hz:
        width = int(smooth_hz / hertz[1])
        spectrum = np.convolve(spectrum, np.hanning(width), "same")
    inside = (hertz > low) & (hertz < high)
    return float(hertz[inside][np.argmax(spectrum[inside])])


def manifest(folder: Path) -> Manifest:
    for name, pitch in (("a", 110.0), ("b", 220.0)):
        write_sound(vowel(pitch, (600.0, 1500.0), 2.0), folder / f"{name}.flac", "flac")
    rows = (
        Item("speech", "a.flac", "mine", "mine/a", start_s=0.5, end_s=1.5, licence="CC0"),
        Item("speech", "b.flac", "mine", "mine/b", end_s=2.0, licence="CC BY 4.0"),
        Item("speech", "b.flac", "mine", "mine/kept", split="valid", end_s=2.0),
        Item("noise", "b.flac", "hum"),
    )
    return Manifest("mine", folder, rows)


def test_pitch_and_formants_move_apart() -> None:
    pytest.importorskip("pyworld")
    sound = vowel(120.0, (1000.0,))
    higher, wider = shift_voice(sound, 1.3, 1.0), shift_voice(sound, 1.0, 1.2)
    assert len(higher) == len(wider) == len(sound)
    assert higher.dtype == np.float32
    assert peak_hz(higher, 130, 190) == pytest.approx(156, abs=3)
    assert peak_hz(higher, 500, 2000, 240) == pytest.approx(1000, abs=80)
    assert peak_hz(wider, 90, 160) == pytest.approx(120, abs=3)
    assert peak_hz(wider, 500, 2000, 240) == pytest.approx(1200, abs=80)


def test_a_speaker_keeps_its_new_voice_and_variants_differ() -> None:
    assert draw_shift("a", 1, 1) == draw_shift("a", 1, 1) != draw_shift("a", 2, 1)
    drawn = np.log2([draw_shift(f"speaker {number}", 1, 1) for number in range(1000)])
    assert np.all(np.abs(drawn) <= (PITCH_OCTAVES, FORMANT_OCTAVES))
    assert np.all(np.max(np.abs(drawn) / (PITCH_OCTAVES, FORMANT_OCTAVES), axis=1) >= 0.5)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1


def test_speech_for_training_alone_is_shifted_and_keeps_its_licence(tmp_path: Path) -> None:
    jobs = list(jobs_of(manifest(tmp_path), 2, 1))
    assert [job.made.speaker for job in jobs] == ["mine/a~1", "mine/b~1", "mine/a~2", "mine/b~2"]
    assert [job.made.licence for job in jobs] == ["CC0", "CC BY 4.0"] * 2
    assert {job.made.source for job in jobs} == {"mine-shifted"}
    assert len({job.made.file for job in jobs}) == 4


def test_a_shifted_corpus_is_made_once(tmp_path: Path) -> None:
    pytest.importorskip("pyworld")
    told: list[float] = []
    out = shift(manifest(tmp_path), tmp_path / "out", 1, 1, 1, lambda done, total: told.append(done / total))
    assert told[-1] == pytest.approx(1.0)
    made = read_manifest(out)
    assert [item.end_s for item in made.items] == [1.0, 2.0]
    assert all(soundfile.info(made.path(item)).samplerate == SAMPLE_RATE for item in made.items)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.flac")}
    shift(manifest(tmp_path), tmp_path / "out", 1, 1, 1, lambda *_: None)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.flac")} == before


def test_a_manifest_without_speech_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyworld")
    noise = Manifest("hum", tmp_path, (Item("noise", "b.flac", "hum"),))
    with pytest.raises(InputError, match="hum lists no speech for training"):
        shift(noise, tmp_path / "out", 1, 1, 1, lambda *_: None)
