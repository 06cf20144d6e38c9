"""What the commands of this room share: options, reading a recipe with them, and Ctrl-C. Light at import."""

import argparse
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from ..core import extras
from ..errors import InputError

EXIT_INTERRUPTED = 130


def add_run_options(parser: argparse.ArgumentParser, cached: str) -> None:
    """``--cache`` and ``--threads``.

    Args:
        parser: to add them to.
        cached: what the folder of the cache holds, in words.
    """
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/cache"),
        metavar="DIR",
        help=f"folder for {cached} (%(default)s)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch (default: one a core)")


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """``--data``."""
    parser.add_argument("--data", metavar="DATA", help="data folder or manifest instead of the recipe's")


@contextlib.contextmanager
def needs_extra(command: str) -> Iterator[None]:
    """Around a command's imports of what only the extra 'train' brings.

    Raises:
        InputError: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise extras.needs_extra(command, "train", error) from error


def use_threads(args: argparse.Namespace) -> None:
    """Give torch the threads that ``--threads`` asks for.

    Raises:
        InputError: fewer than one.
    """
    import torch

    if args.threads is not None:
        if args.threads < 1:
            raise InputError("--threads must be at least 1")
        torch.set_num_threads(args.threads)


def changes(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """What the command line asks for instead of the recipe's, of these options."""
    asked = {name: getattr(args, name) for name in names}
    return {name: value for name, value in asked.items() if value is not None}


class Stoppable(Protocol):
    """A run that can be told to end after its step."""

    def stop(self) -> None:
        """Do so; may be called by a signal handler."""


@contextlib.contextmanager
def stopped_by_ctrl_c(run: Stoppable) -> Iterator[None]:
    """The first Ctrl-C lets the step that runs end; a second one interrupts at once, as elsewhere."""
    usual = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        run.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
