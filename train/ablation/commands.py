"""The command ``lipstream bench ablation``. Light at import."""

import argparse
from pathlib import Path

from ...core.console import ProgressBar, complain
from ...core.storage import make_folder
from ..command_line import (
    EXIT_INTERRUPTED,
    add_run_options,
    needs_extra,
    stopped_by_ctrl_c,
    use_threads,
)


def add_bench_parser(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register ``lipstream bench ablation``."""
    parser = kinds.add_parser(
        "ablation",
        help="train eight fusions of lips alike, and compare them by paired tests",
        description="Train the project's own fusion of lips and seven others (audio only, the first draft of "
        "LiteAVSE, early fusion without and with its parts) at a small size on the same mixtures, one after "
        "the other. Score them on the talking faces of test/av.csv, with the right lips and with another "
        "person's, and print tables with paired tests against the project's own. The same command goes on "
        "where it was stopped; Ctrl-C ends it after the step that runs. Needs the extra 'train' and 'bench'.",
    )
    parser.set_defaults(run=ablation)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data folder")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/ablation"), metavar="DIR", help="of all runs (%(default)s)"
    )
    parser.add_argument(
        "--hours", type=float, metavar="H", help="of mixtures for each (default: the recipes', 2)"
    )
    add_run_options(parser, "decoded recordings")


def ablation(args: argparse.Namespace) -> int:
    """``lipstream bench ablation``.

    Returns:
        0, or 130 if the study was interrupted and its checkpoint written.
    """
    with needs_extra("bench ablation"):
        import torch

        from ...bench.machine import fingerprint
        from ..run.learner import keep_freed_memory
        from .scoring import read_items
        from .study import Study, read_recipes
    use_threads(args)
    study = Study(read_recipes(args.data, args.hours), args.out, args.cache)
    for place in (args.out, args.cache):
        make_folder(place)
    items = read_items(args.data)  # at once: what is missing is told before hours of training
    keep_freed_memory()
    torch.set_flush_denormal(True)  # decaying states would crawl; the process is this command's own
    with stopped_by_ctrl_c(study):
        done = study.train(lambda line: complain("note", line))
    if not done:
        complain("warning", "stopped: the same command goes on from there")
        return EXIT_INTERRUPTED
    with ProgressBar("judging") as bar:
        table = study.judge(items, bar)
    print(f"{study.hours:.2f} hours of mixtures each\n{fingerprint().describe()}\n\n{table}")
    return 0
