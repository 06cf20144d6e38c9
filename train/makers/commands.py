"""``lipstream data voices`` and ``lipstream data shift``: speech that is made rather than recorded."""

import argparse
import sys
from functools import partial
from pathlib import Path
from time import monotonic

from ...core.console import ProgressBar
from ...errors import InputError

#: Where stderr is no terminal, a line tells how far it is after so many seconds.
_TELL_EVERY_S = 60.0


class Telling:
    """Progress in hours of speech: a bar on a terminal, elsewhere a line now and then, with the time left.

    Args:
        title: what goes on.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar = ProgressBar(title)
        self._began: tuple[float, float] | None = None
        self._told = monotonic()

    def __enter__(self) -> "Telling":
        self._bar.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.__exit__(*details)  # type: ignore[arg-type]

    def __call__(self, done: float, total: float) -> None:
        now = monotonic()
        self._bar(done * 3600.0, total * 3600.0)
        if self._began is None:
            self._began = now, done
        elif now > self._told + _TELL_EVERY_S and not sys.stderr.isatty():
            self._told = now
            rate = (done - self._began[1]) / (now - self._began[0])
            left = (total - done) / rate / 3600.0 if rate > 0.0 else float("inf")
            print(
                f"{self._title}: {done:.2f} of {total:.2f} hours, {rate * 3600.0:.2f} an hour, "
                f"{left:.1f} h left",
                file=sys.stderr,
                flush=True,
            )


def add_parsers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands under ``lipstream data``."""
    voices = kinds.add_parser(
        "voices",
        help="make speech in hundreds of synthetic voices",
        description="Let Kokoro-82M speak drawn sentences in many voices, into DEST, with a manifest. The "
        "same command goes on where a run was stopped. Needs the extra 'voices' and the files of the model; "
        "see docs/data.md.",
    )
    voices.set_defaults(run=_voices)
    voices.add_argument("dest", type=Path, metavar="DEST", help="folder of the corpus")
    voices.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with model, styles and vocabulary",
    )
    voices.add_argument("--hours", type=float, default=10.0, help="of speech (%(default)s)")
    voices.add_argument("--voices", type=int, default=400, metavar="N", help="how many (%(default)s)")
    voices.add_argument("--seed", type=int, default=1, help="of voices and texts (%(default)s)")
    voices.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (%(default)s)")
    voices.add_argument("--format", choices=("flac", "opus"), default="flac", help="of files (%(default)s)")
    voices.add_argument(
        "--texts",
        action="append",
        default=[],
        metavar="LANGUAGE=FILE",
        help="lines to speak instead of drawn sentences, such as en=book.txt; may be said for each language",
    )
    shift = kinds.add_parser(
        "shift",
        help="make other voices of recorded speech: pitch and formants shifted apart",
        description="Make each speaker of a manifest's training speech into others, by pitch and formants, "
        "into DEST, with a manifest. The same command goes on where a run was stopped. Needs the extra "
        "'voices'.",
    )
    shift.set_defaults(run=_shift)
    shift.add_argument("source", type=Path, metavar="SOURCE", help="manifest, or folder with tables")
    shift.add_argument("dest", type=Path, metavar="DEST", help="folder of the corpus")
    shift.add_argument("--variants", type=int, default=1, metavar="N", help="of each speaker (%(default)s)")
    shift.add_argument("--seed", type=int, default=1, help="of pitch and formants (%(default)s)")
    shift.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (%(default)s)")


def _voices(args: argparse.Namespace) -> int:
    from .kokoro import Kokoro, read_styles
    from .speak import Plan, make
    from .texts import texts_by_language
    from .voices import draw_voices

    if args.jobs < 1 or not 0.0 < args.hours < float("inf") or args.seed < 0:
        raise InputError("--jobs must be at least 1, --hours above 0, --seed not negative")
    files = dict(text.partition("=")[::2] for text in args.texts)
    texts = texts_by_language({language: Path(file) for language, file in files.items()})
    drawn = draw_voices(read_styles(args.model), args.voices, args.seed)
    plan = Plan(args.dest, tuple(drawn), args.hours, args.seed, args.format)
    with Telling("voices") as progress:
        print(make(plan, partial(Kokoro, args.model), texts, args.jobs, progress))
    return 0


def _shift(args: argparse.Namespace) -> int:
    from ..data.corpus import read_library
    from .shift import shift

    if args.jobs < 1 or args.variants < 1 or args.seed < 0:
        raise InputError("--jobs and --variants must be at least 1, --seed not negative")
    (manifest,) = read_library(str(args.source))
    with Telling("shift") as progress:
        print(shift(manifest, args.dest, args.variants, args.seed, args.jobs, progress))
    return 0
