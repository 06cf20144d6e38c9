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


def add_model(parser: argparse._ActionsContainer, runtime: str, runtimes: str) -> None:
    """``--model``, ``--runtime`` and ``--atten-limit``.

    Args:
        parser: where to.
        runtime: the default.
        runtimes: the choices in words.
    """
    parser.add_argument(
        "--model", default="lite", metavar="M", help="preset, model folder, or Hub id org/name (%(default)s)"
    )
    parser.add_argument("--runtime", default=runtime, metavar="R", help=f"{runtimes} (%(default)s)")
    parser.add_argument(
        "--atten-limit",
        type=float,
        default=100.0,
        metavar="DB",
        help="attenuate nothing by more than this: 6-12 dB leaves much of the room (%(default)g: no limit)",
    )
