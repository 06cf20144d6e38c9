"""The command ``lipstream serve``. Light at import."""

import argparse
from pathlib import Path

from ...core.console import complain
from ...core.extras import needs_extra


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
    parser.add_argument(
        "--model", default="lite", metavar="M", help="preset, model folder or Hub id (%(default)s)"
    )
    parser.add_argument("--runtime", default="auto", metavar="R", help="name of a runtime (%(default)s)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="address to listen on (%(default)s: this machine only)",
    )
    parser.add_argument(
        "--port", type=int, default=8765, metavar="N", help="port (%(default)s; 0: a free one)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes, best one for each core (%(default)s)"
    )
    parser.add_argument(
        "--streams",
        type=int,
        default=32,
        metavar="N",
        help="streams of each process (%(default)s); lipstream bench serve finds how many a core serves",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="its first line is what clients must show (default: LIPSTREAM_TOKEN; without either, nothing)",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=2.0,
        metavar="X",
        help="how many times faster than it plays sound may come (%(default)g)",
    )
    parser.add_argument(
        "--idle", type=float, default=30.0, metavar="S", help="seconds a stream may say nothing (%(default)g)"
    )
    parser.add_argument(
        "--drain",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds for streams to end on SIGTERM (%(default)g)",
    )


def serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        from ..serve.supervisor import serve as run_server
    except ImportError as error:
        raise needs_extra("serve", "serve", error) from error
    from ..serve.config import Limits, ServeConfig, read_token

    config = ServeConfig(
        args.model,
        args.runtime,
        args.host,
        args.port,
        args.workers,
        args.streams,
        args.drain,
        read_token(args.token_file),
        Limits(speed=args.speed, idle_s=args.idle),
    )
    run_server(config, lambda line: complain("serve", line))
    return 0
