"""Composite ratings of speech, background and whole: CSIG, CBAK, COVL, and the three measures they rest on.

Y. Hu and P. C. Loizou, "Evaluation of Objective Quality Measures for Speech Enhancement", IEEE TASLP 16(1),
2008: the linear regressions of three ratings of ITU-T P.835 on PESQ, LLR, WSS and segmental SNR. All details
that the paper leaves open (windows, limits, the 5 % of worst frames that are left out) are those of the
authors' published ``composite.m``, which is also what the papers of the field report; like them it takes
wide-band PESQ at 16 kHz.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from .intrusive import SAMPLE_RATE, Wave, check_pair, is_silent

Float64 = npt.NDArray[np.float64]

#: Frames of 30 ms, three quarters of each shared with the next one.
WINDOW = round(0.030 * SAMPLE_RATE)
HOP = WINDOW // 4

#: Limits of the SNR of a frame in dB: pauses and untouched frames would drown the others.
MIN_SNR_DB, MAX_SNR_DB = -10.0, 35.0

#: Share of the frames that LLR and WSS average over, the best ones.
KEPT_FRAMES = 0.95

#: Order of the linear prediction of LLR at 16 kHz.
LPC_ORDER = 16

#: Weights of WSS near the loudest band and near the next peak: D. H. Klatt, "Prediction of perceived phonetic
#: distance from critical-band spectra", ICASSP 1982.
K_MAX, K_LOCAL_MAX = 20.0, 1.0

#: The 25 critical bands of WSS: centre and width in Hz.
BANDS_HZ = (
    (50.0, 70.0),
    (120.0, 70.0),
    (190.0, 70.0),
    (260.0, 70.0),
    (330.0, 70.0),
    (400.0, 70.0),
    (470.0, 70.0),
    (540.0, 77.3724),
    (617.372, 86.0056),
    (703.378, 95.3398),
    (798.717, 105.411),
    (904.128, 116.256),
    (1020.38, 127.914),
    (1148.30, 140.423),
    (1288.72, 153.823),
    (1442.54, 168.154),
    (1610.70, 183.457),
    (1794.16, 199.776),
    (1993.93, 217.153),
    (2211.08, 235.631),
    (2446.71, 255.255),
    (2701.97, 276.072),
    (2978.04, 298.126),
    (3276.17, 321.465),
    (3597.63, 346.136),
)

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Composite:
    """The three ratings, 1 (bad) to 5 (excellent), and what they are made of; NaN where not defined.

    Attributes:
        csig: how undistorted the speech is.
        cbak: how unobtrusive the background is.
        covl: how good the whole is.
        seg_snr_db: segmental signal-to-noise ratio.
        llr: log-likelihood ratio, 0 (same spectral envelope) upwards.
        wss: weighted spectral slope distance, 0 (same slopes) upwards.
    """

    csig: float
    cbak: float
    covl: float
    seg_snr_db: float
    llr: float
    wss: float


def composite(reference: Wave, estimate: Wave, pesq: float) -> Composite:
    """Rate an estimate.

    Args:
        reference, estimate: float ``[samples]`` at 16 kHz, aligned.
        pesq: wide-band PESQ of the pair; NaN leaves the ratings undefined.

    Raises:
        InputError: as `check_pair`.
    """
    snr, envelope, slope = seg_snr(reference, estimate), llr(reference, estimate), wss(reference, estimate)
    return Composite(
        csig=_rating(3.093 - 1.029 * envelope + 0.603 * pesq - 0.009 * slope),
        cbak=_rating(1.634 + 0.478 * pesq - 0.007 * slope + 0.063 * snr),
        covl=_rating(1.594 + 0.805 * pesq - 0.512 * envelope - 0.007 * slope),
        seg_snr_db=snr,
        llr=envelope,
        wss=slope,
    )


def seg_snr(reference: Wave, estimate: Wave) -> float:
    """Segmental SNR in dB: the mean over frames of ``10 log10(|x|^2 / |x - y|^2)``, each frame limited.

    Returns:
        The mean; NaN for silence and for less than two frames.
    """
    frames = _frame_pair(reference, estimate)
    if frames is None:
        return math.nan
    clean, given = frames
    error = np.sum((clean - given) ** 2, axis=1)
    ratio_db = 10 * np.log10(np.sum(clean**2, axis=1) / (error + _EPS) + _EPS)
    return float(np.mean(np.clip(ratio_db, MIN_SNR_DB, MAX_SNR_DB)))


def llr(reference: Wave, estimate: Wave) -> float:
    """Log-likelihood ratio of the all-pole models of both: ``log((a_y' R_x a_y) / (a_x' R_x a_x))``.

    ``a`` are the coefficients of linear prediction and ``R_x`` the autocorrelation matrix of the clean frame.

    Returns:
        The mean over the best 95 % of the frames; NaN for silence and for less than two frames.
    """
    frames = _frame_pair(reference, estimate)
    if frames is None:
        return math.nan
    clean, given = (_autocorrelation(frame) for frame in frames)
    matrix = clean[:, np.abs(np.subtract.outer(np.arange(LPC_ORDER + 1), np.arange(LPC_ORDER + 1)))]
    clean_error, given_error = (
        np.einsum("ti,tij,tj->t", predictor, matrix, predictor)
        for predictor in (_prediction_error_filter(clean), _prediction_error_filter(given))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.log(given_error / clean_error)
    # Digital silence has no all-pole model: such a frame counts among the worst.
    return _mean_of_best(np.where(np.isfinite(distance), distance, np.inf))


def wss(reference: Wave, estimate: Wave) -> float:
    """Weighted spectral slope distance: squared differences of the slopes between critical bands.

    Returns:
        The mean over the best 95 % of the frames; NaN for silence and for less than two frames.
    """
    frames = _frame_pair(reference, estimate)
    if frames is None:
        return math.nan
    (clean, clean_weight), (given, given_weight) = (_slopes(_band_levels(frame)) for frame in frames)
    weight = (clean_weight + given_weight) / 2
    return _mean_of_best(np.sum(weight * (clean - given) ** 2, axis=1) / np.sum(weight, axis=1))


def _rating(value: float) -> float:
    return value if math.isnan(value) else min(5.0, max(1.0, value))


def _mean_of_best(distances: Float64) -> float:
    kept = np.sort(distances)[: round(KEPT_FRAMES * distances.size)]
    mean = float(np.mean(kept))
    return mean if math.isfinite(mean) else math.nan


def _frame_pair(reference: Wave, estimate: Wave) -> tuple[Float64, Float64] | None:
    """Both as windowed frames ``[frames, WINDOW]``, without the last whole one, as ``composite.m`` does."""
    check_pair(reference, estimate)
    count = (reference.size - WINDOW) // HOP
    if is_silent(reference) or is_silent(estimate) or count < 1:
        return None
    # Without the zeros at its ends, which would waste two samples of a frame.
    window = np.hanning(WINDOW + 2)[1:-1]
    clean, given = (
        np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64) + _EPS, WINDOW)[::HOP][:count]
        for wave in (reference, estimate)
    )
    return clean * window, given * window


def _autocorrelation(frames: Float64) -> Float64:
    """Lags 0 to `LPC_ORDER` of each frame, ``[frames, LPC_ORDER + 1]``."""
    lags = [np.sum(frames[:, : WINDOW - lag] * frames[:, lag:], axis=1) for lag in range(LPC_ORDER + 1)]
    return np.stack(lags, axis=1)


def _prediction_error_filter(lags: Float64) -> Float64:
    """The filter ``[1, -a_1, ..., -a_P]`` of each frame: Levinson-Durbin recursion, all frames at once."""
    predictor = np.zeros_like(lags)
    predictor[:, 0] = 1.0
    error = lags[:, 0].copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for order in range(1, LPC_ORDER + 1):
            reflection = -np.sum(predictor[:, :order] * lags[:, order:0:-1], axis=1) / error
            predictor[:, : order + 1] += reflection[:, None] * predictor[:, order::-1]
            error = error * (1 - reflection**2)
    return predictor


def _band_levels(frames: Float64) -> Float64:
    """Levels in dB of the critical bands, ``[frames, 25]``."""
    filters = _critical_bands()
    fft_size = 2 * filters.shape[1]
    power = np.abs(np.fft.rfft(frames, fft_size)[:, :-1]) ** 2
    levels: Float64 = 10 * np.log10(np.maximum(power @ filters.T, 1e-10))
    return levels


@cache
def _critical_bands() -> Float64:
    """Gaussian filters ``[25, bins]`` of equal sum, cut off at the implementation's -30 dB point."""
    bins = 2 ** math.ceil(math.log2(2 * WINDOW)) // 2
    centre, width = (np.array(column)[:, None] for column in zip(*BANDS_HZ, strict=True))
    to_bins = bins / (SAMPLE_RATE / 2)
    distance = (np.arange(bins) - np.floor(centre * to_bins)) / (width * to_bins)
    filters = np.exp(-11 * distance**2) * (width.min() / width)
    kept: Float64 = filters * (filters > math.exp(-30 / (2 * 2.303)))
    return kept


def _slopes(levels: Float64) -> tuple[Float64, Float64]:
    """Slopes from band to band in dB and Klatt's weights of them, both ``[frames, 24]``."""
    slopes = np.diff(levels, axis=1)
    below_loudest = levels.max(axis=1, keepdims=True) - levels[:, :-1]
    below_peak = _nearest_peaks(levels, slopes) - levels[:, :-1]
    return slopes, K_MAX / (K_MAX + below_loudest) * K_LOCAL_MAX / (K_LOCAL_MAX + below_peak)


def _nearest_peaks(levels: Float64, slopes: Float64) -> Float64:
    """For each slope the level of the peak it leads to: uphill to the right, or back to the left.

    On the way up, the band before the top stands for the peak, as in ``composite.m``.
    """
    rising = slopes > 0
    peaks = levels[:, :-1].copy()
    for band in range(slopes.shape[1] - 2, -1, -1):
        climbs = rising[:, band] & rising[:, band + 1]
        peaks[climbs, band] = peaks[climbs, band + 1]
    for band in range(1, slopes.shape[1]):
        falls = ~rising[:, band] & ~rising[:, band - 1]
        peaks[falls, band] = peaks[falls, band - 1]
    return peaks
