"""All scores of a recording by name: which there are, how they read, and how a family of them is computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

from ...errors import InputError
from .composite import composite
from .intrusive import Wave, check_pair, estoi, pesq_wb, si_sdr, stoi
from .level import attenuation_db, level_error_db, over_suppressed_percent, projected_gain_db
from .non_intrusive import dnsmos, predict, require


@dataclass(frozen=True)
class Metric:
    """How a score reads.

    Attributes:
        title: its name in tables, with its unit.
        digits: decimals that mean something.
        best: whether higher, lower or nearer to zero is better.
    """

    title: str
    digits: int
    best: Literal["high", "low", "zero"] = "high"


#: Every score by its name in files, in the order in which reports show them.
METRICS: Mapping[str, Metric] = {
    "pesq_wb": Metric("PESQ-WB", 2),
    "stoi": Metric("STOI", 3),
    "estoi": Metric("ESTOI", 3),
    "si_sdr_db": Metric("SI-SDR, dB", 1),
    "seg_snr_db": Metric("SegSNR, dB", 1),
    "csig": Metric("CSIG", 2),
    "cbak": Metric("CBAK", 2),
    "covl": Metric("COVL", 2),
    "llr": Metric("LLR", 2, "low"),
    "wss": Metric("WSS", 1, "low"),
    "dnsmos_sig": Metric("DNSMOS SIG", 2),
    "dnsmos_bak": Metric("DNSMOS BAK", 2),
    "dnsmos_ovrl": Metric("DNSMOS OVRL", 2),
    "dnsmos_p808": Metric("DNSMOS P.808", 2),
    "level_error_db": Metric("level, dB", 2, "zero"),
    "speech_level_db": Metric("speech level, dB", 2, "zero"),
    "over_suppressed_percent": Metric("over-suppressed, %", 2, "low"),
    "attenuation_db": Metric("attenuation, dB", 1),
    "utmos": Metric("UTMOS", 2),
    "nisqa_mos": Metric("NISQA", 2),
    "nisqa_noisiness": Metric("NISQA noisiness", 2),
    "nisqa_discontinuity": Metric("NISQA discontinuity", 2),
    "nisqa_coloration": Metric("NISQA coloration", 2),
    "nisqa_loudness": Metric("NISQA loudness", 2),
    "scoreq": Metric("SCOREQ", 2),
}


@dataclass(frozen=True)
class Family:
    """Scores that are computed together.

    Attributes:
        score: from reference and estimate, float ``[samples]`` at 16 kHz each, to scores by name.
        require: raises InputError where a package that it needs is not installed.
    """

    score: Callable[[Wave, Wave], dict[str, float]]
    require: Callable[[], None] = lambda: None


def _composite(reference: Wave, estimate: Wave) -> dict[str, float]:
    pesq = pesq_wb(reference, estimate)
    return {"pesq_wb": pesq, **asdict(composite(reference, estimate, pesq))}


def _over_suppression(reference: Wave, estimate: Wave) -> dict[str, float]:
    return {
        "speech_level_db": projected_gain_db(reference, estimate),
        "over_suppressed_percent": over_suppressed_percent(reference, estimate),
    }


def _predictor(name: str) -> Family:
    return Family(lambda _, estimate: predict(name, estimate), partial(require, name))


#: By the name that ``--metrics`` takes.
FAMILIES: Mapping[str, Family] = {
    "pesq": Family(lambda reference, estimate: {"pesq_wb": pesq_wb(reference, estimate)}),
    "stoi": Family(
        lambda reference, estimate: {"stoi": stoi(reference, estimate), "estoi": estoi(reference, estimate)}
    ),
    "si-sdr": Family(lambda reference, estimate: {"si_sdr_db": si_sdr(reference, estimate)}),
    "composite": Family(_composite),
    "level": Family(lambda reference, estimate: {"level_error_db": level_error_db(reference, estimate)}),
    "over-suppression": Family(_over_suppression),
    "attenuation": Family(
        lambda reference, estimate: {"attenuation_db": attenuation_db(reference, estimate)}
    ),
    "dnsmos": Family(lambda _, estimate: dnsmos(estimate), partial(require, "dnsmos")),
    "utmos": _predictor("utmos"),
    "nisqa": _predictor("nisqa"),
    "scoreq": _predictor("scoreq"),
}

#: What most papers give.
CORE_FAMILIES = ("pesq", "stoi", "si-sdr")

#: What is left of speech that should stay as it is.
FIDELITY_FAMILIES = ("pesq", "stoi", "level", "over-suppression")

#: What is left of noise alone.
NOISE_ALONE_FAMILIES = ("attenuation",)

#: What ``lipstream evaluate`` computes unless asked otherwise; ``composite`` brings PESQ with it.
DEFAULT_FAMILIES = ("stoi", "si-sdr", "composite", "level", "dnsmos")


def check_families(families: Sequence[str]) -> None:
    """Find out before the first recording whether all families can be computed.

    Raises:
        InputError: an unknown family, or one whose package is not installed.
    """
    for family in families:
        if family not in FAMILIES:
            raise InputError(f"unknown metric '{family}': choose from {', '.join(FAMILIES)}")
        FAMILIES[family].require()


def score(reference: Wave, estimate: Wave, families: Sequence[str] = CORE_FAMILIES) -> dict[str, float]:
    """Score an estimate against its clean reference.

    Args:
        reference, estimate: float ``[samples]`` at 16 kHz, aligned.
        families: keys of `FAMILIES`.

    Returns:
        Scores by the names of `METRICS`, in their order; NaN where one is not defined.

    Raises:
        InputError: the two are not one-dimensional, differ in length or hold NaN or infinity.
    """
    check_pair(reference, estimate)
    scores: dict[str, float] = {}
    for family in families:
        scores |= FAMILIES[family].score(reference, estimate)
    return {name: scores[name] for name in METRICS if name in scores}
