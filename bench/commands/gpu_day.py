"""``lipstream bench gpu-day``. Light at import."""

import argparse
from pathlib import Path

from ...core.console import complain
from ...core.storage import make_folder
from .arguments import check_json, require_bench


def add_gpu_day(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = kinds.add_parser(
        "gpu-day",
        help="ten minutes on a GPU: tests, kernels, latency, pools, training",
        description="Run the CUDA tests, the numerics of the Triton kernels, the latency of a hop, pools of "
        "streams and steps of a training, ten minutes at most in all, and write JSON and a page. Where there "
        "is no GPU, the same in small on the CPU. Run it in a checkout, for the tests. "
        "The exit code is 1 if a part failed. Needs the extras 'train' and 'test'.",
    )
    parser.set_defaults(run=gpu_day)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into")


def gpu_day(args: argparse.Namespace) -> int:
    """Run the day."""
    require_bench("bench gpu-day")
    from ..gpu_day import JSON, PAGE, measure_day, save_day

    make_folder(args.out)
    for name in (JSON, PAGE):
        check_json(args.out / name)
    day = measure_day(lambda line: complain("gpu-day", line))
    page = save_day(day, args.out)
    print(f"{day.text()}\n\n{page}")
    return 0 if day.ok else 1
