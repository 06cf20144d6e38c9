"""Options that several commands of this room have. Light at import."""

import argparse
from pathlib import Path

from ...errors import InputError
from ..controls import NO_LIMIT_DB, STRENGTHS, parse_strength


def add_face_model(parser: argparse._ActionsContainer) -> None:
    """``--face-model``, a path or None."""
    parser.add_argument(
        "--face-model",
        type=Path,
        metavar="PATH",
        help="MediaPipe's face_landmarker.task (default: found, or fetched once)",
    )


def add_av_offset(parser: argparse._ActionsContainer, default: str) -> None:
    """``--av-offset``, a number of ms, "auto", or None.

    Args:
        parser: where to.
        default: what happens without it, in words.
    """
    parser.add_argument(
        "--av-offset",
        type=_offset,
        metavar="MS",
        help="how late the lips are, in ms (negative: early), or auto: as sound and lips tell "
        f"(default: {default})",
    )


def _offset(value: str) -> "float | str":
    try:
        return value if value == "auto" else float(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value} is no number of ms: give one, or auto") from error


def add_model(parser: argparse._ActionsContainer) -> None:
    """``--model``, ``--runtime`` and ``--strength``, which is ``atten_limit`` in the result."""
    # A parser may know other defaults, such as None for "as saved": so these are told as words.
    parser.add_argument(
        "--model",
        default="lite",
        metavar="M",
        help="preset, model folder, or Hub id org/name[@revision] (lite)",
    )
    parser.add_argument(
        "--runtime",
        default="auto",
        metavar="R",
        help="onnx, eager, native, cuda-graph, or auto: native where its compiled step is installed or was "
        "compiled here before, else onnx (auto); for models that hear whole recordings eager, or pcs, which "
        "stretches the perceptual contrast of what comes out",
    )
    words = ", ".join(f"{word} ({limit:g} dB)" for word, limit in STRENGTHS.items() if limit < NO_LIMIT_DB)
    parser.add_argument(
        "--strength",
        "--atten-limit",
        dest="atten_limit",
        type=_strength,
        default=NO_LIMIT_DB,
        metavar="S",
        help=f"how strongly noise is suppressed: {words}, strong (no limit, the default), or a number of dB",
    )


def _strength(text: str) -> float:
    try:
        return parse_strength(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
