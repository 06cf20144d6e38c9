"""The commands of this room: ``lipstream bench ...`` and ``lipstream evaluate``. Light at import."""

import argparse
from typing import TYPE_CHECKING

from .agents import add_agents
from .corpus import add_corpus
from .evaluate import add_evaluate
from .gpu_day import add_gpu_day
from .quality import add_quality
from .serve import add_serve
from .speed import add_speed
from .suite import add_suite

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parsers(subparsers: "Subparsers") -> "Subparsers":
    """Register the commands.

    Returns:
        What registers further measurements of ``lipstream bench``, for the rooms that bring one.
    """
    bench = subparsers.add_parser(
        "bench", help="measure speed and quality", description="Measure speed and quality."
    )
    kinds = bench.add_subparsers(title="measurements", metavar="WHAT", required=True)
    add_speed(kinds)
    add_corpus(kinds)
    add_quality(kinds)
    add_agents(kinds)
    add_serve(kinds)
    add_suite(kinds)
    add_gpu_day(kinds)
    add_evaluate(subparsers)
    return kinds
