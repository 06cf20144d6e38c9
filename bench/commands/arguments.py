"""What the commands of the bench share: arguments, and how a report is shown and kept. Light at import."""

import argparse
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ...core.console import complain
from ...core.extras import needs_extra
from ...stream.defaults import DEFAULT_MODEL

#: What the extra 'bench' brings.
BENCH_PACKAGES = ("jinja2", "matplotlib", "pesq", "pystoi", "scipy", "soxr")

Entry = TypeVar("Entry")


class Report(Protocol):
    """What a measurement comes back with: a dataclass that can also be read."""

    def text(self) -> str: ...


def add_model(parser: argparse.ArgumentParser) -> None:
    """``--model``, one preset."""
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="M", help="preset, model folder or Hub id (%(default)s)"
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    """``--model``, any number of presets."""
    parser.add_argument(
        "--model",
        nargs="+",
        default=[DEFAULT_MODEL],
        metavar="M",
        help=f"presets, model folders or Hub ids ({DEFAULT_MODEL})",
    )


def add_compared(parser: argparse.ArgumentParser) -> None:
    """``--model`` and ``--peers``, what is measured side by side, see `find_peers`."""
    parser.add_argument(
        "--model",
        nargs="*",
        default=[DEFAULT_MODEL],
        metavar="M",
        help=f"presets, model folders or Hub ids ({DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--peers",
        nargs="*",
        metavar="NAME",
        help="rnnoise, deepfilternet3, dtln, webrtc, noisereduce (default: all)",
    )


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


def add_data(parser: Any) -> None:
    """``--data``, the folder of the test sets."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default: LIPSTREAM_DATA, else ../shared/data)"
    )


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
    check_json(path)
    try:
        report = measure()
    except ModuleNotFoundError as error:
        raise needs_extra("this measurement", "torch", error) from error
    show(report.text(), report, path)
    return 0


def require_bench(command: str) -> None:
    """Find out whether the extra 'bench' is installed.

    Raises:
        InputError: it is not.
    """
    missing = [name for name in BENCH_PACKAGES if find_spec(name) is None]
    if missing:
        raise needs_extra(command, "bench", f"no {', '.join(missing)}")


def tell_new_name(old: str, new: str) -> None:
    """Say that a command has a new name; the old one works until the next release."""
    complain("note", f"'{old}' will go, it is now '{new}'")


def with_bar(entries: Iterable[Entry], total: int) -> Iterable[Entry]:
    """The recordings as they are finished, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        entries, "recordings", total=total, console=console, transient=True, disable=not sys.stderr.isatty()
    )
