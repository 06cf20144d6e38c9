"""``lipstream data sample`` and ``lipstream data mix``: from nothing to a training. Light at import."""

import argparse
import tempfile
from pathlib import Path

from ..core.console import ProgressBar
from ..core.extras import needs_extra
from ..core.options import add_options, from_options
from ..errors import InputError
from .plans import SamplePlan, SetPlan


def add_parsers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands under ``lipstream data``."""
    _add_sample(kinds)
    _add_mix(kinds)


def _add_sample(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "sample",
        help="make a little speech and noise to try a training with",
        description="Let the program espeak-ng speak in several voices and make noise by formulas, into "
        "DIR/speech and DIR/noise: no network, and nobody's recordings. Good for trying 'lipstream train "
        "tiny'; a model for people wants recordings of people. Needs the extra 'train'.",
    )
    parser.set_defaults(run=_sample)
    parser.add_argument("dest", type=Path, metavar="DIR", help="folder to make")
    add_options(parser, SamplePlan)


def _sample(args: argparse.Namespace) -> int:
    try:
        from .makers.sample import find_program, make_sample
    except ImportError as error:
        raise needs_extra("data", "train", error) from error
    plan = from_options(SamplePlan, args, folder=args.dest)
    with ProgressBar("sample") as bar:
        speech, noise = make_sample(plan, find_program(), bar)
    print(f"--speech {speech} --noise {noise}")
    return 0


def _add_mix(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "mix",
        help="mix a test set of your own, for lipstream evaluate",
        description="Mix speech and noise at fixed ratios into OUT/noisy and OUT/clean, with OUT/list.csv: "
        "the same arguments give the same files. 'lipstream evaluate --manifest OUT/list.csv' scores models "
        "on it. Needs the extra 'train'.",
    )
    parser.set_defaults(run=_mix)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument("--speech", nargs="+", default=[], metavar="DIR", help="folders of clean speech")
    parser.add_argument("--noise", nargs="+", default=[], metavar="DIR", help="folders of noise")
    parser.add_argument("--data", nargs="+", default=[], metavar="DATA", help="manifests, beside or instead")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="only voices and noises that lipstream train keeps for validation of the same data",
    )
    parser.add_argument(
        "--rir", nargs="+", default=[], metavar="DIR", help="folders of impulse responses: half is in rooms"
    )
    add_options(parser, SetPlan)


def _mix(args: argparse.Namespace) -> int:
    try:
        from .data.corpora.folders import rir_folder
        from .data.corpus import read_corpus, read_library
        from .mixing.fixed_set import make_set
    except ImportError as error:
        raise needs_extra("data", "train", error) from error
    if not (args.data or (args.speech and args.noise)):
        raise InputError("name what to mix: --speech DIR and --noise DIR, or --data with manifests")
    plan = from_options(SetPlan, args, folder=args.out, rooms=0.5 if args.rir else 0.0)
    library = read_library(tuple(args.data), (), tuple(args.speech), tuple(args.noise))
    library += tuple(rir_folder().read(Path(folder)) for folder in args.rir)
    with tempfile.TemporaryDirectory() as cache, ProgressBar("mix") as bar:
        corpus = read_corpus(library, Path(cache))
        if args.held_out:
            corpus = corpus.split(lambda clip: clip.split == "valid")[1]
        print(make_set(plan, corpus, bar))
    return 0
