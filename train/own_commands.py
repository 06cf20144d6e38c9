"""``lipstream data sample`` and ``lipstream data mix``: from nothing to a training. Light at import."""

import argparse
import tempfile
from pathlib import Path

from ..core.console import ProgressBar
from ..core.extras import needs_extra
from ..errors import InputError


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
    parser.add_argument("--speakers", type=int, default=20, metavar="N", help="voices (%(default)s)")
    parser.add_argument("--takes", type=int, default=2, metavar="N", help="files of each (%(default)s)")
    parser.add_argument("--noises", type=int, default=40, metavar="N", help="files of noise (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of voices, texts and noise (%(default)s)")


def _sample(args: argparse.Namespace) -> int:
    try:
        from .makers.sample import SamplePlan, find_program, make_sample
    except ImportError as error:
        raise needs_extra("data", "train", error) from error
    plan = SamplePlan(args.dest, args.speakers, args.takes, args.noises, args.seed)
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
    parser.add_argument(
        "--kind",
        nargs="+",
        default=["noise", "babble", "talker"],
        metavar="KIND",
        help="noise, babble, talker, synthetic, clean (noise babble talker)",
    )
    parser.add_argument(
        "--snr", nargs="+", type=float, default=[-5.0, 0.0, 5.0, 10.0], metavar="DB", help="(-5 0 5 10)"
    )
    parser.add_argument(
        "--each", type=int, default=5, metavar="N", help="mixtures of a kind at an SNR (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="of each (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of everything (%(default)s)")


def _mix(args: argparse.Namespace) -> int:
    try:
        from .data.corpora.folders import rir_folder
        from .data.corpus import read_corpus, read_library
        from .mixing.fixed_set import SetPlan, make_set
    except ImportError as error:
        raise needs_extra("data", "train", error) from error
    if not (args.data or (args.speech and args.noise)):
        raise InputError("name what to mix: --speech DIR and --noise DIR, or --data with manifests")
    plan = SetPlan(
        args.out,
        tuple(args.kind),
        tuple(args.snr),
        args.each,
        args.seconds,
        rooms=0.5 if args.rir else 0.0,
        seed=args.seed,
    )
    library = read_library(tuple(args.data), (), tuple(args.speech), tuple(args.noise))
    library += tuple(rir_folder().read(Path(folder)) for folder in args.rir)
    with tempfile.TemporaryDirectory() as cache, ProgressBar("mix") as bar:
        corpus = read_corpus(library, Path(cache))
        if args.held_out:
            corpus = corpus.split(lambda clip: clip.split == "valid")[1]
        print(make_set(plan, corpus, bar))
    return 0
