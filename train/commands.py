"""The commands of this room: ``lipstream train`` and ``lipstream bench train``. Light at import."""

import argparse
import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.console import ProgressBar, complain
from ..core.storage import make_folder
from ..errors import InputError
from .command_line import (
    EXIT_INTERRUPTED,
    add_run_options,
    changes,
    needs_extra,
    stopped_by_ctrl_c,
    use_threads,
)

if TYPE_CHECKING:
    from .recipe import Recipe

#: The recipes that come with the package, which can be named without their path.
RECIPES = Path(__file__).parent / "recipes"


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    parser = subparsers.add_parser(
        "train",
        help="train a model by a recipe",
        description="Train a model by a recipe. A folder that holds a checkpoint is gone on with, exactly "
        "where it stopped; Ctrl-C writes one after the step that runs. Needs the extra 'train'.",
    )
    parser.set_defaults(run=train)
    _add_recipe(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the run: weights, checkpoint, log (runs/RECIPE)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="optimizer steps instead of the recipe's")
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="write event files for TensorBoard into the folder of the run, too (needs that package)",
    )


def add_bench_parser(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register ``lipstream bench train``."""
    parser = kinds.add_parser(
        "train",
        help="seconds of mixtures trained on in a second",
        description="Time steps of a recipe: how many seconds of mixtures it trains on in a second, and "
        "where the time goes. Nothing is written but decoded recordings. Needs the extra 'train'.",
    )
    parser.set_defaults(run=bench_train)
    _add_recipe(parser)
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="steps to time (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file as well")


def train(args: argparse.Namespace) -> int:
    """``lipstream train``. Under ``torchrun`` each process runs it, and they share the batches.

    Returns:
        0, or 130 if the run was interrupted and its checkpoint written.
    """
    with needs_extra("train"):
        import torch

        from .run.distributed import joined
        from .run.learner import keep_freed_memory
        from .run.loop import Trainer
    recipe = _read_recipe(args)
    folder = args.out or Path("runs") / _find_recipe(args.recipe).stem
    for place in (folder, args.cache):
        make_folder(place)
    keep_freed_memory()
    torch.set_flush_denormal(True)  # decaying states would crawl; the process is this command's own
    _settle()
    with joined(recipe.device) as group:
        if group.leads:
            _get_ready(recipe, args.cache)
        trainer = Trainer(recipe, folder, args.cache, group, args.tensorboard)
        with stopped_by_ctrl_c(trainer):
            trainer.run()
    if trainer.progress.step < recipe.steps:
        if group.leads:
            step = trainer.progress.step
            complain("warning", f"stopped after step {step}: the same command goes on from there")
        return EXIT_INTERRUPTED
    if group.leads:
        complain("note", f"{folder} is a model now: lipstream enhance FILE --model {folder} --runtime eager")
        print(folder / "best.safetensors")
    return 0


def bench_train(args: argparse.Namespace) -> int:
    """``lipstream bench train``."""
    with needs_extra("train"):
        import torch

        from .run.learner import keep_freed_memory
        from .run.speed import measure_training
    from ..bench.output import check_writable, write_json

    if args.json is not None:
        check_writable(args.json)
    steps, args.steps = args.steps, None
    recipe = _read_recipe(args)
    make_folder(args.cache)
    keep_freed_memory()
    torch.set_flush_denormal(True)
    _settle()
    report = measure_training(recipe, args.cache, steps)
    print(report.text())
    if args.json is not None:
        write_json(args.json, report)
    return 0


def _settle() -> None:
    """Keep what imports have made out of garbage collections: each would look at all of it."""
    gc.collect()
    gc.freeze()


def _get_ready(recipe: "Recipe", cache: Path) -> None:
    """Do what a first run waits for, and say so: compile the kernels and, on a terminal, decode with a bar.

    What cannot be done here is found, and told, by the run itself.
    """
    import torch

    from ..kernels.cpu import calls
    from .data.prepare import prepare
    from .mixing.batches import library_of

    if recipe.device == "cpu" and not calls.built():
        complain("note", "compiling the kernels: a minute or less, once for each processor and version")
        if not calls.available():
            complain("warning", "the kernels cannot be compiled here: plain torch is several times slower")
    complain("note", f"recordings are decoded once into {cache}, which later runs share; delete it when done")
    if not sys.stderr.isatty() or any(cache.iterdir()):
        return
    library = library_of(recipe)
    if recipe.video.share == 0.0:
        heard = (tuple(item for item in one.items if item.kind != "face") for one in library)
        library = tuple(replace(one, items=items) for one, items in zip(library, heard, strict=True))
    with ProgressBar("decoding") as bar:
        prepare(library, cache, torch.get_num_threads(), bar)


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """What says what to train on what: the recipe, and changes to it."""
    parser.add_argument(
        "recipe", metavar="RECIPE", help=f"a TOML file, or the name of a shipped recipe ({_shipped()})"
    )
    add_run_options(parser, "decoded recordings, which may be shared by runs")
    data = parser.add_argument_group("data, in place of the recipe's")
    data.add_argument("--data", nargs="+", metavar="DATA", help="manifests, or folders with tables")
    data.add_argument(
        "--speech",
        nargs="+",
        metavar="DIR",
        help="folders of clean speech, audio files of any kind; sub-folders are the speakers",
    )
    data.add_argument("--noise", nargs="+", metavar="DIR", help="folders of noise, to go with --speech")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="device instead of the recipe's")


def _read_recipe(args: argparse.Namespace) -> "Recipe":
    """The recipe with the changes that the command line asks for; torch gets its threads."""
    from .recipe import load_recipe

    use_threads(args)
    recipe = load_recipe(_find_recipe(args.recipe), changes(args, "steps", "device"))
    return _with_data(recipe, args)


def _with_data(recipe: "Recipe", args: argparse.Namespace) -> "Recipe":
    """The recipe with the data that the command line names, if it does."""
    if args.data is not None and (args.speech or args.noise):
        raise InputError("--data names manifests and stands alone; --speech and --noise name folders")
    if bool(args.speech) != bool(args.noise):
        raise InputError(
            "--speech and --noise go together: folders of clean speech, and of noise without speech; "
            "'lipstream data sample DIR' makes some of both to try"
        )
    if args.data is not None:
        recipe = replace(recipe, data=tuple(args.data), speech=(), noise=())
    if args.speech:
        # What the recipe says of its own sources means nothing to others.
        recipe = replace(
            recipe,
            data=(),
            speech=tuple(args.speech),
            noise=tuple(args.noise),
            held_out_noise=(),
            mix=replace(recipe.mix, source_weights={}),
        )
    if not (recipe.data or recipe.speech):
        raise InputError(
            f"recipe '{args.recipe}' names no data: give --speech DIR and --noise DIR, or --data with "
            "manifests (docs/data.md); 'lipstream data sample DIR' makes some speech and noise to try"
        )
    return recipe


def _shipped() -> str:
    return ", ".join(sorted(path.stem for path in RECIPES.glob("*.toml")))


def _find_recipe(name: str) -> Path:
    """The file that a user means by a path or by the name of a shipped recipe."""
    shipped = RECIPES / f"{name}.toml"
    for path in (Path(name), shipped):
        if path.is_file():
            return path
    raise InputError(f"no recipe '{name}': give the path of a TOML file, or one of {_shipped()}")
