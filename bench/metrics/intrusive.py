"""Scores of an enhanced recording against its clean reference: PESQ-WB, STOI, ESTOI and SI-SDR.

A score that is not defined for a recording (silence, too short, too long for PESQ) is NaN; whoever averages
leaves such items out and says how many there were. Only input that no score could make sense of raises.
"""

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pystoi
from pesq import PesqError, pesq

from ...errors import InputError

#: All scores are taken at this rate, in Hz.
SAMPLE_RATE = 16000

#: SI-SDR is kept within +-100 dB, so that an untouched recording has a finite score that can be averaged.
SI_SDR_LIMIT_DB = 100.0

#: The reference implementation of P.862 has room for 50 utterances and crashes beyond. Utterance and pause
#: last at least 0.2 s each, so 20 s can never hold more.
PESQ_MAX_SAMPLES = 20 * SAMPLE_RATE

#: A recording that moves less than this (-180 dB full scale) is silence: PESQ would divide by its level.
SILENCE = 1e-9

Wave = npt.NDArray[np.floating[Any]]


def si_sdr(reference: Wave, estimate: Wave) -> float:
    """Scale-invariant signal-to-distortion ratio in dB.

    ``10 log10(|a s|^2 / |a s - s'|^2)`` with ``a = <s', s> / |s|^2``, both signals freed of their mean (Le
    Roux, Wisdom, Erdogan, Hershey: "SDR - half-baked or well done?", ICASSP 2019, equations 2-4).

    Returns:
        The ratio, limited to +-`SI_SDR_LIMIT_DB`; NaN where either signal is silent or constant.
    """
    check_pair(reference, estimate)
    if is_silent(reference) or is_silent(estimate):
        return math.nan
    clean = reference.astype(np.float64) - np.mean(reference, dtype=np.float64)
    given = estimate.astype(np.float64) - np.mean(estimate, dtype=np.float64)
    target = (given @ clean) / (clean @ clean) * clean
    distortion = target - given
    target_energy, distortion_energy = float(target @ target), float(distortion @ distortion)
    floor = 10.0 ** (-SI_SDR_LIMIT_DB / 10.0)
    if distortion_energy <= floor * target_energy:
        return SI_SDR_LIMIT_DB
    if target_energy <= floor * distortion_energy:
        return -SI_SDR_LIMIT_DB
    return 10.0 * math.log10(target_energy / distortion_energy)


def pesq_wb(reference: Wave, estimate: Wave) -> float:
    """Wide-band PESQ (ITU-T P.862.2), by the `pesq` package.

    Returns:
        The predicted mean opinion score; NaN for silence, for less than a quarter of a second, where no
        utterance is found, and for more than `PESQ_MAX_SAMPLES`.
    """
    check_pair(reference, estimate)
    if is_silent(reference) or is_silent(estimate) or reference.size > PESQ_MAX_SAMPLES:
        return math.nan
    try:
        return float(pesq(SAMPLE_RATE, reference, estimate, "wb"))
    except PesqError:
        return math.nan


def stoi(reference: Wave, estimate: Wave) -> float:
    """Short-time objective intelligibility, by the `pystoi` package.

    Taal, Hendriks, Heusdens and Jensen, "An Algorithm for Intelligibility Prediction of Time-Frequency
    Weighted Noisy Speech", IEEE TASLP 2011.

    Returns:
        The measure, about 0 to 1 (identical); NaN as for `estoi`.
    """
    return _stoi(reference, estimate, extended=False)


def estoi(reference: Wave, estimate: Wave) -> float:
    """Extended short-time objective intelligibility, by the `pystoi` package.

    Jensen and Taal, "An Algorithm for Predicting the Intelligibility of Speech Masked by Modulated Noise
    Maskers", IEEE/ACM TASLP 2016.

    Returns:
        The measure; NaN for silence and where less than 30 frames (0.4 s) of the reference hold speech.
    """
    return _stoi(reference, estimate, extended=True)


def _stoi(reference: Wave, estimate: Wave, extended: bool) -> float:
    check_pair(reference, estimate)
    if is_silent(reference) or is_silent(estimate) or reference.size < SAMPLE_RATE // 4:
        return math.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(pystoi.stoi(reference, estimate, SAMPLE_RATE, extended=extended))
        except RuntimeWarning:
            return math.nan


def is_silent(wave: Wave) -> bool:
    """Whether a recording holds nothing that could be scored."""
    return wave.size == 0 or float(np.ptp(wave)) < SILENCE


def check_pair(reference: Wave, estimate: Wave) -> None:
    """Refuse a pair that no score fits.

    Raises:
        InputError: the two are not one-dimensional, differ in length or hold NaN or infinity.
    """
    for name, wave in (("reference", reference), ("estimate", estimate)):
        if wave.ndim != 1:
            raise InputError(f"the {name} must be one channel, float [samples], not of shape {wave.shape}")
        if not np.all(np.isfinite(wave)):
            raise InputError(f"the {name} holds NaN or infinity: repair it before scoring")
    if reference.shape != estimate.shape:
        raise InputError(
            f"the reference has {reference.size} samples and the estimate {estimate.size}: align them first"
        )
