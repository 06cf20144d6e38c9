"""The command line: each room brings its commands, each command calls one library function.

Nothing heavy is imported here, so that ``lipstream --help`` comes at once; the commands of the rooms are
imported inside `main`, which answers Ctrl-C in one line from its start on.
"""

import argparse
import errno
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from .core.console import complain, flush_stdout, let_go_of_stdout, make_streams_usable
from .core.extras import needs_extra
from .core.processes import Terminated, terminated_like_ctrl_c
from .core.usage import CommandParser, meant
from .errors import InputError

if TYPE_CHECKING:
    from .stream.corpus.settings import Judge

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: its arguments; those of the process if None.

    Returns:
        The exit code: 0, 1 where a command's verdict is bad (doctor, bench compare), 2 for bad usage or bad
        input (told in one line on stderr), 130 after Ctrl-C, 128 and its number after SIGTERM or SIGHUP, 141
        where the reader of a pipe went away.
    """
    make_streams_usable()
    try:
        with terminated_like_ctrl_c():
            args = _parser().parse_args(argv)
            code = int(args.run(args))
        return code if flush_stdout() else EXIT_BAD_INPUT
    except InputError as error:
        complain("error", error)
        return EXIT_BAD_INPUT
    except BrokenPipeError:
        let_go_of_stdout()
        return EXIT_CLOSED_PIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        let_go_of_stdout()
        complain(
            "error", f"no room is left for what is written ({error.strerror}): make room, or write elsewhere"
        )
        return EXIT_BAD_INPUT
    except Terminated as end:
        complain("error", f"ended by {signal.Signals(end.number).name}")
        return 128 + end.number
    except KeyboardInterrupt:
        complain("error", "interrupted")
        return EXIT_INTERRUPTED


def _parser() -> CommandParser:
    from .bench import commands as bench_commands
    from .stream.commands import app as app_commands
    from .stream.commands import calibrate as calibrate_commands
    from .stream.commands import corpus as corpus_commands
    from .stream.commands import doctor as doctor_commands
    from .stream.commands import enhance as stream_commands
    from .stream.commands import live as live_commands
    from .stream.commands import replay as replay_commands
    from .stream.commands import serve as serve_commands
    from .train import commands as train_commands
    from .train import data_commands
    from .train.ablation import commands as ablation_commands
    from .train.cue import commands as cue_commands

    parser = CommandParser(
        prog="lipstream",
        description="Clean speech as a stream, with the speaker's lips where they are asked for.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    stream_commands.add_parsers(subparsers)
    corpus_commands.add_parsers(subparsers, _dnsmos)
    live_commands.add_parsers(subparsers)
    replay_commands.add_parsers(subparsers)
    doctor_commands.add_parsers(subparsers)
    calibrate_commands.add_parsers(subparsers)
    app_commands.add_parsers(subparsers)
    serve_commands.add_parsers(subparsers)
    _add_models(subparsers)
    bench_kinds = bench_commands.add_parsers(subparsers)
    train_commands.add_bench_parser(bench_kinds)
    ablation_commands.add_bench_parser(bench_kinds)
    train_commands.add_parsers(subparsers)
    data_commands.add_parsers(subparsers)
    cue_commands.add_parsers(subparsers)
    _add_export(subparsers)
    _add_blend(subparsers)
    _add_completion(subparsers, parser)
    _add_help(subparsers, parser)
    return parser


def _dnsmos() -> "Judge":
    """What `lipstream corpus --dnsmos` rates with, whose room knows no scores.

    Raises:
        InputError: what it needs is not installed.
    """
    from .bench.evaluation.alone import Dnsmos

    return Dnsmos()


def _add_models(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("models", help="list the presets, their sizes and whether weights ship")
    parser.set_defaults(run=_models)


def _models(args: argparse.Namespace) -> int:
    from .models.config import PRESETS
    from .models.store.registry import has_graphs
    from .stream.runtimes import chosen_runtime

    for name, config in PRESETS.items():
        stft = config.stft
        shipped = f"weights shipped, on {chosen_runtime(name)}" if has_graphs(name) else "no weights shipped"
        print(
            f"{name:8}{config.num_blocks} blocks of {config.channels} channels, "
            f"window {1000 * stft.window / stft.sample_rate:g} ms, "
            f"hop {1000 * stft.hop / stft.sample_rate:g} ms, {shipped}"
        )
    return 0


def _add_export(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "export",
        help="write the folder of a model: weights, graphs, card",
        description="Write the folder of a model: config.json, model.safetensors, ONNX graphs and a card, "
        "README.md. Every command that takes a model takes such a folder. With --triton, its graphs for "
        "NVIDIA's Triton Inference Server in place of that: the server keeps the state of each stream, see "
        "docs/scale.md. Needs the extra 'train'.",
    )
    parser.set_defaults(run=_export)
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="folder of a training, a preset (see lipstream models), another model folder, or one of "
        "semamba, mpsenet, mpsenet-mamba",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="other safetensors weights of it (default: its own)"
    )
    parser.add_argument(
        "--out-dir", type=Path, default=Path("model"), metavar="DIR", help="where to write (%(default)s)"
    )
    parser.add_argument(
        "--triton", type=Path, metavar="DIR", help="write a model repository of Triton Inference Server here"
    )


def _export(args: argparse.Namespace) -> int:
    if args.triton is not None:
        return _export_triton(args)
    try:
        from .models.store.pack import export
    except ImportError as error:
        raise needs_extra("export", "train", error) from error
    for path in export(args.model, args.weights, args.out_dir):
        print(path)
    return 0


def _export_triton(args: argparse.Namespace) -> int:
    if args.weights is not None:
        raise InputError(
            "--triton takes the graphs of a model as they are: first lipstream export MODEL --weights FILE "
            "--out-dir DIR, then lipstream export DIR --triton REPOSITORY"
        )
    try:
        from .models.store.triton_repository import write_repository
    except ImportError as error:
        raise needs_extra("export --triton", "train", error) from error
    for path in write_repository(args.model, args.triton):
        print(path)
    return 0


def _add_blend(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "blend",
        help="one file of weights out of several: their mean",
        description="Write the mean of weights of one model, which is often better than each of them where "
        "they began alike; or turn the lips up or down in a single file. Needs the extra 'torch'.",
    )
    parser.set_defaults(run=_blend)
    parser.add_argument("preset", metavar="MODEL", help="preset (see lipstream models) or model folder")
    parser.add_argument(
        "weights",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="safetensors weights or model folders; named twice they count twice",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--lips",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="how much of what the lips add is kept (%(default)g: all of it)",
    )


def _blend(args: argparse.Namespace) -> int:
    try:
        from .models.store.checkpoint import blend
    except ImportError as error:
        raise needs_extra("blend", "torch", error) from error
    if args.out.exists() and not any(args.out.samefile(file) for file in args.weights if file.exists()):
        raise InputError(f"'{args.out}' exists: name another --out, or move it away")
    blend(args.preset, args.weights, args.out, args.lips)
    print(args.out)
    return 0


def _add_completion(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", whole: CommandParser
) -> None:
    parser = subparsers.add_parser(
        "completion",
        help="let a shell complete commands, options and files",
        description="Print what makes a shell complete commands, options and files: put "
        "'eval \"$(lipstream completion bash)\"' into ~/.bashrc. Needs the extra 'completion'.",
    )
    parser.set_defaults(run=lambda args: _completion(whole, args.shell))
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


def _completion(parser: CommandParser, shell: str) -> int:
    try:
        import shtab
    except ImportError as error:
        raise needs_extra("completion", "completion", error) from error
    for action in parser.every_action():
        if action.type is Path or action.metavar == "PATH":
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, shell))
    return 0


def _add_help(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", whole: CommandParser
) -> None:
    parser = subparsers.add_parser(
        "help", help="show the help of a command", description="Show the help of a command, or this one's."
    )
    parser.set_defaults(run=lambda args: _help(whole, args.words))
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="as 'enhance', or 'bench latency'")


def _help(parser: CommandParser, words: Sequence[str]) -> int:
    for word in words:
        known = parser.commands()
        if word not in known:
            raise InputError(f"{parser.prog} has no command {word!r}{meant(word, known)}")
        parser = known[word]
    parser.print_help()
    return 0
