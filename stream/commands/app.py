"""The command ``lipstream app``. Light at import."""

import argparse
import threading

from ...core.console import complain
from ...core.extras import needs_extra
from ...errors import InputError


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "app",
        help="a page in the browser: files, microphone and camera",
        description="Serve a page on this machine, for files and for microphone and camera. Nothing is kept. "
        "Needs the extra 'app'.",
    )
    parser.set_defaults(run=app)
    parser.add_argument(
        "--model", nargs="+", metavar="M", help="presets to choose from (default: all with weights)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="address to listen on (%(default)s: this machine only)",
    )
    parser.add_argument(
        "--port", type=int, default=7860, metavar="N", help="port (%(default)s; 0: a free one)"
    )
    parser.add_argument(
        "--share",
        action="store_true",
        help="publish the page through Gradio's tunnel, for everybody with the link",
    )


def app(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from ...models.store.registry import find_model, require_file, shipped_presets

    models = tuple(args.model or shipped_presets())
    for model in models:
        require_file(find_model(model).weights, model)
    if not 0 <= args.port < 65536:
        raise InputError(f"--port must be from 0 to 65535, not {args.port}")
    try:
        from ..app.page import AppConfig, serve
    except ImportError as error:
        raise needs_extra("app", "app", error) from error
    if args.share or args.host not in ("127.0.0.1", "localhost", "::1"):
        complain("note", "the page can be reached from other machines: whoever finds it can use this one")
    with serve(AppConfig(models, args.host, args.port, args.share)) as address:
        print(f"{address} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    return 0
