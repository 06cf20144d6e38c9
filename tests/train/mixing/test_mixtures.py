"""Mixtures: what the seed, the SNR, the level and the kinds of noise decide."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpus import Clip, Corpus, read_corpus, read_library
from lipstream.train.data.recordings import Decoded
from lipstream.train.mixing.effects import rms
from lipstream.train.mixing.mixtures import BABBLE, RECORDED, TALKER, MixConfig, Mixer, NoiseKinds

#: Recorded noise, babble, a competing talker, synthetic noise, none.
KINDS = np.eye(5)

#: Without what bends the waves, so that sums and ratios can be told from them.
CONFIG = MixConfig(
    seconds=0.5, source_weights={"mini": 1.0}, tilt_db_per_octave=0.0, overload_probability=0.0
)


@pytest.fixture
def corpus(data: Path, tmp_path: Path) -> Corpus:
    return read_corpus(read_library(str(data)), tmp_path / "cache")


def silence(source: str, folder: Path) -> Clip:
    np.save(folder / "silence.npy", np.zeros(20000, np.int16))
    return Clip(Decoded(folder / "silence.npy"), 0, 20000, source, source)


def draw(mixer: Mixer, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return mixer.draw(np.random.default_rng(seed))


def of_kind(kind: int, **changes: Any) -> MixConfig:
    return replace(CONFIG, noise_kinds=NoiseKinds(*KINDS[kind]), **changes)


def test_the_seed_decides_everything(corpus: Corpus) -> None:
    for seed in range(20):
        noisy, clean = draw(Mixer(corpus, CONFIG), seed)
        again = draw(Mixer(corpus, CONFIG), seed)
        np.testing.assert_array_equal(noisy, again[0])
        np.testing.assert_array_equal(clean, again[1])
    assert not np.array_equal(draw(Mixer(corpus, CONFIG), 0)[0], draw(Mixer(corpus, CONFIG), 1)[0])


def test_mixtures_are_finite_float32_of_the_asked_length_within_full_scale(corpus: Corpus) -> None:
    mixer = Mixer(corpus, replace(CONFIG, level_dbfs=(-40.0, 0.0)))
    for seed in range(60):
        noisy, clean = draw(mixer, seed)
        assert noisy.shape == clean.shape == (8000,)
        assert noisy.dtype == clean.dtype == np.float32
        assert np.isfinite(noisy).all()
        assert np.isfinite(clean).all()
        assert np.abs(noisy).max() <= 0.99 + 1e-6


@pytest.mark.parametrize("kind", range(4))
def test_what_is_added_is_noise_at_the_drawn_snr(corpus: Corpus, kind: int) -> None:
    mixer = Mixer(corpus, of_kind(kind, snr_db=(3.0, 3.0)))
    for seed in range(5):
        noisy, clean = draw(mixer, seed)
        assert 20 * np.log10(rms(clean) / rms(noisy - clean)) == pytest.approx(3.0, abs=0.01)


def test_snr_and_level_stay_in_their_ranges_and_fill_them(corpus: Corpus) -> None:
    mixer = Mixer(corpus, of_kind(0, snr_db=(-6.0, 18.0), level_dbfs=(-38.0, -20.0)))
    pairs = [draw(mixer, seed) for seed in range(80)]
    snrs = [20 * np.log10(rms(clean) / rms(noisy - clean)) for noisy, clean in pairs]
    levels = [20 * np.log10(rms(noisy)) for noisy, _ in pairs]
    for found, (low, high) in ((snrs, (-6.0, 18.0)), (levels, (-38.0, -20.0))):
        assert low - 0.01 <= min(found) < low + 0.2 * (high - low)
        assert high - 0.2 * (high - low) < max(found) <= high + 0.01


def test_a_mixture_that_would_clip_is_turned_down_with_its_clean_speech(corpus: Corpus) -> None:
    noisy, clean = draw(Mixer(corpus, of_kind(0, snr_db=(3.0, 3.0), level_dbfs=(0.0, 0.0))), 1)
    assert np.abs(noisy).max() == pytest.approx(0.99, abs=1e-5)
    assert 20 * np.log10(rms(clean) / rms(noisy - clean)) == pytest.approx(3.0, abs=0.01)


def test_recorded_noise_is_that_of_the_corpus(corpus: Corpus) -> None:
    config = of_kind(0, second_noise_probability=0.0, reshape_probability=0.0, rir_probability=0.0)
    noisy, clean = draw(Mixer(corpus, config), 3)
    noise = noisy - clean
    recordings = (clip.recording.samples.astype(np.float32) for clip in corpus.noise)
    likeness = max(
        np.abs(np.correlate(sound / rms(sound), noise / rms(noise), "valid")).max() / noise.size
        for sound in recordings
    )
    assert likeness > 0.95  # white noise has none with what it is not


def test_without_noise_the_mixture_is_the_clean_speech(corpus: Corpus) -> None:
    noisy, clean = draw(Mixer(corpus, of_kind(4)), 0)
    np.testing.assert_array_equal(noisy, clean)


def test_the_target_comes_from_the_named_sources_alone(corpus: Corpus, tmp_path: Path) -> None:
    silent = silence("silent", tmp_path)
    mixer = Mixer(replace(corpus, speech=(*corpus.speech, silent)), CONFIG)
    assert all(rms(draw(mixer, seed)[1]) > 1e-3 for seed in range(20))


def test_silent_speech_or_noise_gives_no_nan(corpus: Corpus, tmp_path: Path) -> None:
    clips = (silence("mini", tmp_path),)
    for silent in (replace(corpus, speech=clips), replace(corpus, noise=clips)):
        for kind in range(5):
            assert all(np.isfinite(wave).all() for wave in draw(Mixer(silent, of_kind(kind)), 0))


@pytest.mark.parametrize("kind", [BABBLE, TALKER])
def test_nobody_competes_with_themselves(corpus: Corpus, kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mixer = Mixer(corpus, of_kind(kind))
    usual, heard = mixer.voices.draw, []

    def listen(length: int, rng: np.random.Generator, avoid: str = "") -> Any:
        clip, speech = usual(length, rng, avoid)
        heard.append(clip.group)
        return clip, speech

    monkeypatch.setattr(mixer.voices, "draw", listen)
    others = set()
    for seed in range(30):
        heard.clear()
        draw(mixer, seed)
        target, *competing = heard
        assert competing
        assert target not in competing
        others |= set(competing)
    assert others == {"mini/ls4", "mini/ls5", "mini/ls6"}


@pytest.mark.parametrize("kind", [BABBLE, TALKER])
def test_noise_stands_in_for_voices_where_one_speaker_is_alone(corpus: Corpus, kind: int) -> None:
    alone = replace(corpus, speech=corpus.speech[:2])
    plain = {"second_noise_probability": 0.0, "reshape_probability": 0.0, "rir_probability": 0.0}
    for seed in range(5):
        found = draw(Mixer(alone, of_kind(kind, **plain)), seed)
        for wave, expected in zip(found, draw(Mixer(alone, of_kind(RECORDED, **plain)), seed), strict=True):
            np.testing.assert_array_equal(wave, expected)


def test_without_weights_every_source_is_drawn_by_the_root_of_its_length(corpus: Corpus) -> None:
    other = replace(corpus.speech[0], source="other", group="other/a", end=corpus.speech[0].start + 9 * 800)
    clip = replace(corpus.speech[0], end=corpus.speech[0].start + 800)
    mixer = Mixer(replace(corpus, speech=(clip, other)), replace(CONFIG, source_weights={}))
    rng = np.random.default_rng(0)
    share = np.mean([mixer.voices.draw(400, rng)[0].source == "other" for _ in range(400)])
    assert share == pytest.approx(0.75, abs=0.07)


def test_a_tilt_is_in_the_mixture_and_in_its_clean_speech(corpus: Corpus) -> None:
    plain = of_kind(4, rir_probability=0.0, level_dbfs=(-30.0, -30.0))
    tilted = Mixer(corpus, replace(plain, tilt_db_per_octave=3.0))
    assert not np.allclose(draw(tilted, 0)[1], draw(Mixer(corpus, plain), 0)[1])
    for seed in range(5):
        noisy, clean = draw(tilted, seed)
        np.testing.assert_array_equal(noisy, clean)


def test_overload_cuts_the_mixture_off_and_leaves_the_clean_speech(corpus: Corpus) -> None:
    plain = of_kind(0, snr_db=(20.0, 20.0))
    hot = replace(plain, overload_probability=1.0, overload_db=(6.0, 6.0))
    for seed in range(5):
        noisy, clean = draw(Mixer(corpus, hot), seed)
        loud, same = draw(Mixer(corpus, plain), seed)
        np.testing.assert_array_equal(clean, same)
        assert np.abs(noisy).max() == pytest.approx(np.abs(loud).max() / 10**0.3, rel=1e-3)
        assert np.sum(np.abs(noisy) > 0.999 * np.abs(noisy).max()) > 10


def test_a_noisy_twin_is_taken_as_often_as_asked(corpus: Corpus) -> None:
    """Its noise is the speech itself upside down, twice."""
    twins = []
    for clip in corpus.speech:
        file = clip.recording.file.with_name("twin.npy")  # type: ignore[attr-defined]
        np.save(file, -clip.recording.samples)
        twins.append(replace(clip, noisy=Decoded(file)))
    for asked in (0.0, 0.4, 1.0):
        mixer = Mixer(replace(corpus, speech=tuple(twins)), of_kind(4, pair_probability=asked))
        pairs = (draw(mixer, seed) for seed in range(60))
        share = np.mean([np.allclose(noisy, -clean) for noisy, clean in pairs])
        assert share == pytest.approx(asked, abs=0.2 * (0 < asked < 1))


def pitch_hz(wave: np.ndarray) -> float:
    """Of the strongest tone."""
    return float(
        np.argmax(np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 16 * len(wave)))) / len(wave) * 1000
    )


@pytest.mark.parametrize("sounds", ["speech", "noise"])
def test_the_tempo_makes_sounds_higher_and_deeper_and_changes_no_lengths(
    corpus: Corpus, tmp_path: Path, sounds: str
) -> None:
    tone = (8000 * np.sin(2 * np.pi * 500 / 16_000 * np.arange(40_000))).astype(np.int16)
    np.save(tmp_path / "tone.npy", tone)
    clips = (Clip(Decoded(tmp_path / "tone.npy"), 0, 40_000, "mini", "mini/tone"),)
    corpus = replace(corpus, speech=clips) if sounds == "speech" else replace(corpus, noise=clips)
    plain = {"rir_probability": 0.0, "second_noise_probability": 0.0, "reshape_probability": 0.0}
    if sounds == "speech":
        mixer = Mixer(corpus, of_kind(4, tempo=0.2, **plain))
        heard = [draw(mixer, seed)[1] for seed in range(40)]
    else:
        mixer = Mixer(corpus, of_kind(RECORDED, noise_tempo=0.2, snr_db=(-40.0, -40.0), **plain))
        heard = [draw(mixer, seed)[0] for seed in range(40)]
    pitches = [pitch_hz(wave) for wave in heard]
    assert 500 / 1.2 - 2 < min(pitches) < 430
    assert 580 < max(pitches) < 500 * 1.2 + 2
    for wave in heard:
        assert wave.shape == (8000,)
        assert np.abs(wave[-400:]).max() > 0.3 * np.abs(wave).max()  # to the end


def test_other_speech_comes_with_the_same_mixture_and_is_of_somebody_else(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixer, heard = Mixer(corpus, CONFIG), list[str]()
    draw_voice = mixer.voices.draw

    def noted(length: int, rng: np.random.Generator, avoid: str = "") -> tuple[Clip, np.ndarray]:
        clip, speech = draw_voice(length, rng, avoid)
        heard.append(clip.group)
        return clip, speech

    for seed in range(10):
        noisy, clean, other = mixer.draw_with_other(np.random.default_rng(seed))
        np.testing.assert_array_equal(np.stack([noisy, clean]), np.stack(draw(mixer, seed)))
        assert other.shape == (8000,)
        assert rms(other) > 1e-3
        with monkeypatch.context() as patched:
            patched.setattr(mixer.voices, "draw", noted)
            mixer.draw_with_other(np.random.default_rng(seed))
        assert heard[0] != heard[-1]
        heard.clear()


def test_up_to_an_snr_a_talker_belongs_to_the_clean_speech(corpus: Corpus) -> None:
    for snr_db, kept in ((5.0, True), (7.0, False)):
        config = of_kind(TALKER, snr_db=(snr_db, snr_db), keep_talker_below_db=6.0)
        for seed in range(5):
            noisy, clean = draw(Mixer(corpus, config), seed)
            assert np.array_equal(noisy, clean) is kept


@pytest.mark.parametrize("kind", [RECORDED, BABBLE])
def test_what_is_no_talker_is_never_kept(corpus: Corpus, kind: int) -> None:
    config = of_kind(kind, snr_db=(0.0, 0.0), keep_talker_below_db=6.0)
    noisy, clean = draw(Mixer(corpus, config), 0)
    assert 20 * np.log10(rms(clean) / rms(noisy - clean)) == pytest.approx(0.0, abs=0.01)
    alone = replace(corpus, speech=corpus.speech[:2])  # so noise stands in for the talker
    noisy, clean = draw(Mixer(alone, replace(config, noise_kinds=NoiseKinds(*KINDS[TALKER]))), 0)
    assert not np.array_equal(noisy, clean)


def test_a_corpus_without_rooms_does(corpus: Corpus) -> None:
    mixer = Mixer(replace(corpus, rooms=()), replace(CONFIG, rir_probability=1.0))
    assert all(np.isfinite(draw(mixer, seed)[0]).all() for seed in range(5))


def test_a_corpus_with_nothing_to_mix_is_told(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="no noise to mix with"):
        Mixer(replace(corpus, noise=()), CONFIG)
    with pytest.raises(InputError, match=r"source_weights names none of its sources \(mini\)"):
        Mixer(corpus, MixConfig(source_weights={"others": 1.0}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": 0.0}, "seconds"),
        ({"snr_db": (10.0, -5.0)}, "snr_db must run from low to high"),
        ({"level_dbfs": (-10.0, -40.0)}, "level_dbfs must run from low to high"),
        ({"rir_probability": 1.5}, "rir_probability"),
        ({"pause_probability": 1.5}, "pause_probability"),
        ({"pause_s": (0.0, 1.0)}, "pause_s must be above 0"),
        ({"pause_s": (2.0, 1.0)}, "pause_s must run from low to high"),
        ({"tilt_db_per_octave": -1.0}, "tilt_db_per_octave and overload_db must not be negative"),
        ({"tilt_db_per_octave": float("nan")}, "tilt_db_per_octave"),
        ({"tempo": 0.6}, "tempo must lie in"),
        ({"noise_tempo": -0.1}, "noise_tempo in"),
        ({"overload_db": (-1.0, 3.0)}, "overload_db"),
        ({"overload_probability": 2.0}, "overload_probability must lie in"),
        ({"pair_probability": -0.1}, "pair_probability must lie in"),
        ({"source_weights": {"mini": -1.0}}, "source_weights"),
    ],
)
def test_values_out_of_range_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(CONFIG, **changes)
