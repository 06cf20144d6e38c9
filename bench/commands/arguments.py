"""What the commands of the bench share: arguments, and how a report is shown and kept. Light at import."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class Report(Protocol):
    """What a measurement comes back with: a dataclass that can also be read."""

    def text(self) -> str: ...


def add_model(parser: argparse.ArgumentParser) -> None:
    """``--model``, one preset."""
    parser.add_argument("--model", default="lite", metavar="M", help="preset (%(default)s)")


def add_models(parser: argparse.ArgumentParser) -> None:
    """``--model``, any number of presets."""
    parser.add_argument("--model", nargs="+", default=["lite"], metavar="M", help="presets (lite)")


def add_runtimes(parser: argparse.ArgumentParser) -> None:
    """``--runtime``, any number of them; None stands for `candidates.available_runtimes`."""
    parser.add_argument(
        "--runtime",
        nargs="+",
        metavar="R",
        help="runtimes, also cuda-graph (default: of onnx, eager and native those that can run here)",
    )


def add_count(parser: argparse.ArgumentParser, name: str, default: int, text: str) -> None:
    """An option that takes a whole number from 1; its help ends with the default."""
    parser.add_argument(name, type=at_least(1), default=default, metavar="N", help=f"{text} (%(default)s)")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """``--threads``, one number."""
    parser.add_argument(
        "--threads", type=at_least(1), default=1, metavar="N", help="threads of torch (%(default)s)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``, see `show`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file as well")


def at_least(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number from ``least``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
        return value

    return parse


def check_json(path: Path | None) -> None:
    """Find out before an hour of measuring whether its report can be written.

    Raises:
        InputError: it cannot.
    """
    from ..output import check_writable

    if path is not None:
        check_writable(path)


def show(text: str, payload: Any, path: Path | None) -> None:
    """Print a report, and keep what it is made of as JSON where a path is given."""
    from ..output import write_json

    print(text)
    if path is not None:
        write_json(path, payload)


def run_and_show(measure: Callable[[], Report], path: Path | None) -> int:
    """Measure, print and keep: the body of a command.

    Raises:
        InputError: the JSON file cannot be written, or a package that the measurement needs is missing.
    """
    from ...errors import InputError

    check_json(path)
    try:
        report = measure()
    except ModuleNotFoundError as error:
        raise InputError(
            f"this measurement needs the extra 'torch': pip install 'lipstream[torch]' ({error})"
        ) from error
    show(report.text(), report, path)
    return 0
