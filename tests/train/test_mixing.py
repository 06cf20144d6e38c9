"""Mixtures: what the seed, the SNR, the level and the kinds of noise decide."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.train.corpus import Clip, Corpus, read_corpus
from lipstream.train.mixing import MixConfig, Mixer, rms

#: Recorded noise, babble, a competing talker, synthetic noise, none.
KINDS = np.eye(5)

CONFIG = MixConfig(seconds=0.5, source_weights=(("mini", 1.0),))


@pytest.fixture
def corpus(data: Path, tmp_path: Path) -> Corpus:
    return read_corpus(data, tmp_path / "cache")


def draw(mixer: Mixer, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return mixer.draw(np.random.default_rng(seed))


def of_kind(kind: int, **changes: Any) -> MixConfig:
    return replace(CONFIG, noise_kinds=tuple(KINDS[kind]), **changes)


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
    recordings = (clip.samples.astype(np.float32) for clip in corpus.noise)
    likeness = max(
        np.abs(np.correlate(sound / rms(sound), noise / rms(noise), "valid")).max() / noise.size
        for sound in recordings
    )
    assert likeness > 0.95  # white noise has none with what it is not


def test_without_noise_the_mixture_is_the_clean_speech(corpus: Corpus) -> None:
    noisy, clean = draw(Mixer(corpus, of_kind(4)), 0)
    np.testing.assert_array_equal(noisy, clean)


def test_the_target_comes_from_the_named_sources_alone(corpus: Corpus) -> None:
    silent = Clip(np.zeros(20000, np.int16), 0, 20000, "silent", "silent")
    mixer = Mixer(replace(corpus, speech=(*corpus.speech, silent)), CONFIG)
    assert all(rms(draw(mixer, seed)[1]) > 1e-3 for seed in range(20))


def test_silent_speech_or_noise_gives_no_nan(corpus: Corpus) -> None:
    silence = (Clip(np.zeros(20000, np.int16), 0, 20000, "mini", "mini"),)
    for silent in (replace(corpus, speech=silence), replace(corpus, noise=silence)):
        for kind in range(5):
            assert all(np.isfinite(wave).all() for wave in draw(Mixer(silent, of_kind(kind)), 0))


def test_a_corpus_without_rooms_does(corpus: Corpus) -> None:
    mixer = Mixer(replace(corpus, rirs=()), replace(CONFIG, rir_probability=1.0))
    assert all(np.isfinite(draw(mixer, seed)[0]).all() for seed in range(5))


def test_a_corpus_with_nothing_to_mix_is_told(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="no noise to mix with"):
        Mixer(replace(corpus, noise=()), CONFIG)
    with pytest.raises(InputError, match=r"source_weights names none of its sources \(mini\)"):
        Mixer(corpus, MixConfig())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": 0.0}, "seconds"),
        ({"snr_db": (10.0, -5.0)}, "snr_db must run from low to high"),
        ({"level_dbfs": (-10.0, -40.0)}, "level_dbfs must run from low to high"),
        ({"rir_probability": 1.5}, "rir_probability"),
        ({"noise_kinds": (0.5, 0.5)}, "five weights"),
        ({"noise_kinds": (0.5, 0.5, 0.5, -0.5, 0.0)}, "five weights"),
        ({"source_weights": (("mini", -1.0),)}, "source_weights"),
    ],
)
def test_values_out_of_range_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(CONFIG, **changes)
