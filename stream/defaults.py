"""What a stream is unless somebody says otherwise, and options of several commands. Light at import."""

from typing import Any, Literal

from ..core.options import option, within
from ..errors import InputError
from .controls import NO_LIMIT_DB, STRENGTHS, parse_strength, strength_text

#: The preset that is used.
DEFAULT_MODEL = "lite"
#: Names of runtimes; and in place of one, the default everywhere, see `runtimes.chosen_runtime`.
RUNTIMES = ("onnx", "eager", "native", "cuda-graph")
AUTO: Literal["auto"] = "auto"
#: Rates that sound may have, in Hz.
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 6_000, 192_000
#: How late video is: in ms, or to be measured.
AvOffset = float | Literal["auto"]

MODEL = option("preset, model folder, or Hub id org/name[@revision]", "M")
RUNTIME = option(
    f"{', '.join(RUNTIMES)}, or {AUTO}: native where its compiled step is installed or was compiled here "
    "before, else onnx ({default}); for models that hear whole recordings eager, or pcs, which stretches the "
    "perceptual contrast of what comes out",
    "R",
)
_WORDS = ", ".join(f"{word} ({limit:g} dB)" for word, limit in STRENGTHS.items() if limit < NO_LIMIT_DB)
STRENGTH = option(
    f"how strongly noise is suppressed: {_WORDS}, strong (no limit), or a number of dB",
    "S",
    "--strength",
    "--atten-limit",
    parse=parse_strength,
    show=strength_text,
)
FACE_MODEL = option("MediaPipe's face_landmarker.task (default: found, or fetched once)", "PATH")
HOST = option("address to listen on ({default}: this machine only)", "H")
PORT = option("port ({default}; 0: a free one)", "N") | within(0, 65_535)


def av_offset(default: str) -> dict[str, Any]:
    """The option ``--av-offset``.

    Args:
        default: what happens without it, in words.
    """
    what = f"how late the lips are, in ms (negative: early), or {AUTO}: as sound and lips tell"
    return option(f"{what} (default: {default})", "MS", "--av-offset", parse=parse_offset)


def parse_offset(text: str) -> AvOffset:
    """How late video is, as a user writes it.

    Raises:
        InputError: it is neither a number of ms nor "auto".
    """
    try:
        return AUTO if text == AUTO else float(text)
    except ValueError as error:
        raise InputError(f"{text} is no number of ms: give one, or {AUTO}") from error
