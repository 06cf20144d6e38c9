"""The command ``lipstream serve``. Light at import."""

import argparse
from pathlib import Path

from ...core.console import complain
from ...core.extras import needs_extra
from ...core.options import add_options, from_options
from ..serve.config import Limits, ServeConfig, read_token


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "serve",
        help="many live streams over WebSockets",
        description="Enhance many live streams that come and go over WebSockets: a hello in JSON, then PCM "
        "both ways, and landmarks of the lips where there are some. --workers processes share the port; "
        "GET /health and Prometheus' GET /metrics. SIGTERM and Ctrl-C let streams end first. "
        "The protocol is in docs/scale.md. Needs the extra 'serve'.",
    )
    parser.set_defaults(run=serve)
    add_options(parser, ServeConfig)
    add_options(parser, Limits)
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="its first line is what clients must show (default: LIPSTREAM_TOKEN; without either, nothing)",
    )


def serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        from ..serve.supervisor import serve as run_server
    except ImportError as error:
        raise needs_extra("serve", "serve", error) from error
    limits = from_options(Limits, args)
    config = from_options(ServeConfig, args, token=read_token(args.token_file), limits=limits)
    run_server(config, lambda line: complain("serve", line))
    return 0
