"""The commands of this room: ``lipstream train``. Light at import."""

import argparse
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import complain
from ..errors import InputError

if TYPE_CHECKING:
    from .loop import Trainer

#: The recipes that come with the package, which can be named without their path.
RECIPES = Path(__file__).parent / "recipes"

EXIT_INTERRUPTED = 130


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    parser = subparsers.add_parser(
        "train",
        help="train a model by a recipe",
        description="Train a model by a recipe. A folder that holds a checkpoint is gone on with, exactly "
        "where it stopped; Ctrl-C writes one after the step that runs. Needs the extra 'train'.",
    )
    parser.set_defaults(run=train)
    parser.add_argument(
        "recipe", metavar="RECIPE", help=f"a TOML file, or the name of a shipped recipe ({_shipped()})"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the run: weights, checkpoint, log (runs/RECIPE)"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/cache"),
        metavar="DIR",
        help="folder for decoded recordings, which may be shared by runs (%(default)s)",
    )
    parser.add_argument("--data", metavar="DIR", help="data folder instead of the recipe's")
    parser.add_argument("--steps", type=int, metavar="N", help="optimizer steps instead of the recipe's")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch (default: one a core)")


def train(args: argparse.Namespace) -> int:
    """``lipstream train``.

    Returns:
        0, or 130 if the run was interrupted and its checkpoint written.
    """
    try:
        import torch

        from .loop import Trainer
        from .recipe import load_recipe
    except ImportError as error:
        raise InputError(
            f"train needs the extra 'train': pip install 'lipstream[train]' ({error})"
        ) from error

    path = _find_recipe(args.recipe)
    changes = {"data": args.data, "steps": args.steps}
    recipe = replace(load_recipe(path), **{key: value for key, value in changes.items() if value is not None})
    folder = args.out or Path("runs") / path.stem
    for place in (folder, args.cache):
        _make_folder(place)
    if args.threads is not None:
        if args.threads < 1:
            raise InputError("--threads must be at least 1")
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # decaying states would crawl; the process is this command's own
    trainer = Trainer(recipe, folder, args.cache)
    with _stopped_by_ctrl_c(trainer):
        trainer.run()
    if trainer.progress.step < recipe.steps:
        complain(
            "warning", f"stopped after step {trainer.progress.step}: the same command goes on from there"
        )
        return EXIT_INTERRUPTED
    print(folder / "best.safetensors")
    return 0


def _shipped() -> str:
    return ", ".join(sorted(path.stem for path in RECIPES.glob("*.toml")))


def _find_recipe(name: str) -> Path:
    """The file that a user means by a path or by the name of a shipped recipe."""
    shipped = RECIPES / f"{name}.toml"
    for path in (Path(name), shipped):
        if path.is_file():
            return path
    raise InputError(f"no recipe '{name}': give the path of a TOML file, or one of {_shipped()}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror})") from error


@contextlib.contextmanager
def _stopped_by_ctrl_c(trainer: "Trainer") -> Iterator[None]:
    """The first Ctrl-C lets the step that runs end; a second one interrupts at once, as elsewhere."""
    usual = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        trainer.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
