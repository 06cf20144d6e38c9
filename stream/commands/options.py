"""Options that several commands of this room have. Light at import."""

import argparse
from pathlib import Path


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


def add_model(parser: argparse._ActionsContainer, runtime: str, runtimes: str) -> None:
    """``--model``, ``--runtime`` and ``--atten-limit``.

    Args:
        parser: where to.
        runtime: the default.
        runtimes: the choices in words.
    """
    parser.add_argument("--model", default="lite", metavar="M", help="preset (%(default)s)")
    parser.add_argument("--runtime", default=runtime, metavar="R", help=f"{runtimes} (%(default)s)")
    parser.add_argument(
        "--atten-limit",
        type=float,
        default=100.0,
        metavar="DB",
        help="attenuate nothing by more than this: 6-12 dB leaves much of the room (%(default)g: no limit)",
    )
