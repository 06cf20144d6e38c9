"""``lipstream bench corpus``. Light at import."""

import argparse
from typing import Any

from ...core.console import complain
from .arguments import Report, add_count, add_json, add_model, at_least, run_and_show


def add_corpus(kinds: Any) -> None:
    """Register the command."""
    parser = kinds.add_parser(
        "corpus",
        help="files a second by one process, several, and actors of Ray",
        description="Clean the same made files in this process, by worker processes and, with the extra "
        "'ray', by actors of a Ray of its own, in rounds, so that what else the machine does slows "
        "all alike; time what handing out costs; and compute from both what many nodes would do.",
    )
    parser.set_defaults(run=lambda args: run_and_show(lambda: _corpus(args), args.json))
    add_json(parser)
    add_model(parser)
    add_count(parser, "--files", 100, "files")
    parser.add_argument(
        "--seconds", type=at_least(2), default=10, metavar="S", help="length of each (%(default)s)"
    )
    parser.add_argument(
        "--workers", nargs="+", type=at_least(1), default=[1, 2], metavar="N", help="numbers of workers (1 2)"
    )
    add_count(parser, "--rounds", 3, "how often each way cleans them; medians are told")


def _corpus(args: argparse.Namespace) -> Report:
    from ..speed.corpus import measure_corpus

    return measure_corpus(args.model, args.files, args.seconds, args.workers, args.rounds, _tell)


def _tell(line: str) -> None:
    complain("bench", line)
