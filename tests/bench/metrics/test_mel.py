"""The bands that DNSMOS P.808 hears: how many, where, how strong."""

import numpy as np
import pytest

from lipstream.bench.metrics.mel import BANDS, HOP, mel_decibels

RATE = 16_000


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize(
    # Slaney's scale: 3 mel for 200 Hz up to 1 kHz, then 27 for a factor of 6.4; 8 kHz is 45.245 mel.
    ("hz", "mel"),
    [(400.0, 6.0), (1000.0, 15.0), (2530.0, 28.5), (6400.0, 42.0)],
)
def test_a_tone_is_strongest_in_the_band_of_its_pitch(hz: float, mel: float) -> None:
    bands = mel_decibels(tone(hz))[20]
    assert abs(int(bands.argmax()) - (mel / 45.245 * (BANDS + 1) - 1)) <= 1.5


def test_frames_are_centred_and_levels_count_from_the_loudest() -> None:
    wave = tone(1000.0)
    bands = mel_decibels(wave)
    assert bands.shape == (1 + (wave.size - 1) // HOP, BANDS)  # frames of an odd length have a middle sample
    assert bands.max() == pytest.approx(1.0)  # 0 dB
    assert bands.min() == pytest.approx(-1.0)  # 80 dB below it, at the most
    np.testing.assert_allclose(mel_decibels(0.01 * wave), bands, atol=1e-3)


def test_half_the_amplitude_is_6_db_less() -> None:
    wave = np.concatenate([tone(1000.0), 0.5 * tone(1000.0)])
    bands = mel_decibels(wave)
    assert 40 * (bands[20].max() - bands[80].max()) == pytest.approx(6.02, abs=0.1)
