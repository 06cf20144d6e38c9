"""The command ``lipstream app``. Light at import."""

import argparse
import threading

from ...core.console import complain
from ...core.extras import needs_extra
from ...core.options import add_options, from_options
from ..app.config import AppConfig


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "app",
        help="a page in the browser: files, microphone and camera",
        description="Serve a page on this machine, for files and for microphone and camera. Nothing is kept. "
        "Needs the extra 'app'.",
    )
    parser.set_defaults(run=app)
    add_options(parser, AppConfig)


def app(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from ...models.store.registry import find_model, require_file, shipped_presets

    args.models = args.models or shipped_presets()
    config = from_options(AppConfig, args)
    for model in config.models:
        require_file(find_model(model).weights, model)
    try:
        from ..app.page import serve
    except ImportError as error:
        raise needs_extra("app", "app", error) from error
    if config.share or config.host not in ("127.0.0.1", "localhost", "::1"):
        complain("note", "the page can be reached from other machines: whoever finds it can use this one")
    with serve(config) as address:
        print(f"{address} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    return 0
