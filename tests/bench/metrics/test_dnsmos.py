"""DNSMOS P.835 against what the authors' own code gives."""

import math

import numpy as np
import pytest

from lipstream.bench.metrics import dnsmos as module
from lipstream.bench.metrics.dnsmos import dnsmos, require
from lipstream.errors import InputError


def tone(seconds: float) -> np.ndarray:
    time = np.arange(16000 * 12) / 16000
    syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, None)
    noise = np.random.default_rng(0).standard_normal(time.size)
    wave = 0.1 * np.sin(2 * np.pi * 220 * time) * syllables + 0.01 * noise
    return wave.astype(np.float32)[: int(16000 * seconds)]


@pytest.mark.parametrize(
    ("seconds", "sig", "bak", "ovrl"),
    [
        (11, 1.242590486373603, 1.1534706265026204, 1.1076912457759642),
        (5, 1.3329068504356851, 1.2540502053587153, 1.2016001000388383),
    ],
    ids=["heard in pieces", "repeated"],
)
def test_ratings_equal_those_of_speechmos_dnsmos_run(seconds: float, sig: float, bak: float, ovrl: float):
    ratings = dnsmos(tone(seconds))
    expected = {"dnsmos_sig": sig, "dnsmos_bak": bak, "dnsmos_ovrl": ovrl}
    assert ratings == pytest.approx(expected, abs=1e-4)


def test_what_exceeds_full_scale_is_clipped():
    loud = 20 * tone(9.1)
    assert dnsmos(loud) == pytest.approx(dnsmos(np.clip(loud, -1, 1)))


def test_silence_has_no_rating():
    assert all(math.isnan(value) for value in dnsmos(np.zeros(32000, np.float32)).values())


def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"lipstream\[bench\]"):
        require()
