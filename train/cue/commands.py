"""The commands ``lipstream cue ...``: encoder C, how it errs, and its voice gate. Light at import."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..command_line import add_data_option, add_run_options, changes, needs_extra, use_threads
from ..gate import commands as gate_commands

if TYPE_CHECKING:
    from .training import CueRecipe
    from .views import Example

#: The recipe that ships.
RECIPE = Path(__file__).parent / "cue.toml"


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    cue = subparsers.add_parser(
        "cue",
        help="train what lips are worth: encoder C, and the voice gate",
        description="Train and judge encoder C, from landmarks of a face to a cue, the level of its own "
        "voice in four bands; and the voice gate, which takes away what the cue does not tell of. Needs the "
        "extra 'train'. See docs/training.md.",
    )
    kinds = cue.add_subparsers(title="what to do", metavar="WHAT", required=True)
    parser = _add(kinds, "train", train, "train on all speakers but those held out, and write the weights")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the safetensors file to write"
    )
    parser = _add(kinds, "evaluate", evaluate, "hold out each group of speakers once, and score their cues")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="groups of speakers (%(default)s)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="keep the cues of held-out speakers, and their sound (.npz)"
    )
    parser.add_argument(
        "--errors", type=Path, metavar="FILE", help="fit how cues err to them, and write it (.json)"
    )
    parser = kinds.add_parser(
        "test",
        help="score weights on a test set",
        description="Score weights on the clips of test/av.csv in a data folder, seen speakers and strangers "
        "apart.",
    )
    parser.set_defaults(run=test)
    parser.add_argument(
        "weights", type=Path, metavar="WEIGHTS", help="a safetensors file of encoder C, or of a model with it"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data folder")
    gate_commands.add_parsers(kinds)
    _add_join(kinds)


def _add_join(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "join",
        help="one file of weights out of network for sound, encoder C and voice gate",
        description="Write the weights of a model whose lips may only take away. Each part comes from a file "
        "of its own or from that of a whole model; what is not named, from the weights that ship.",
    )
    parser.set_defaults(run=join)
    parser.add_argument("preset", help="name of the preset, see lipstream models")
    parts = {"sound": "the network for sound", "cue": "encoder C", "gate": "the voice gate"}
    for part, what in parts.items():
        parser.add_argument(f"--{part}", type=Path, metavar="FILE", help=f"weights of {what}")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the file to write, or replace"
    )


def train(args: argparse.Namespace) -> int:
    """``lipstream cue train``."""
    from ...models.store.landmark_weights import save_encoder
    from .evaluation import predict, score
    from .training import train_cue

    recipe = _read_recipe(args)
    examples = _examples(recipe, args.cache)
    known = [example for example in examples if example.speaker not in recipe.held_out_speakers]
    others = [example for example in examples if example.speaker in recipe.held_out_speakers]
    encoder = train_cue(known, recipe, _tell)
    # Paths of this machine stay here.
    kept = {name: value for name, value in asdict(recipe).items() if name != "data"}
    about: dict[str, object] = {"recipe": kept, "clips": len(known)}
    if others:
        scores = score(predict(encoder, example) for example in others)
        about["held_out"] = asdict(scores)
        print(scores.text())
    save_encoder(encoder, args.out, about)
    print(args.out)
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """``lipstream cue evaluate``."""
    from .errors import fit_errors
    from .evaluation import hold_out, save_predictions, score

    recipe = _read_recipe(args)
    held_out = hold_out(_examples(recipe, args.cache), recipe, args.folds, _tell)
    for title, predictions in (
        ("running stream", held_out.steady),
        ("start of a stream", held_out.begun),
        ("any camera", held_out.varied),
    ):
        print(f"{title}, {len(predictions)} clips of held-out speakers\n{score(predictions).text()}")
    print(f"still faces: {held_out.describe_still()}")
    if args.out is not None:
        save_predictions(held_out.steady, held_out.sounds, args.out)
    if args.errors is not None:
        fit_errors(held_out.steady, held_out.still).save(args.errors)
    return 0


def test(args: argparse.Namespace) -> int:
    """``lipstream cue test``."""
    from ...models.store.landmark_weights import load_encoder
    from .evaluation import predict, read_test_clips, score
    from .views import example_of

    encoder = load_encoder(args.weights)
    judged = [(predict(encoder, example_of(clip)), seen) for clip, seen in read_test_clips(args.data)]
    for title, wanted in (("speakers of the training set", True), ("strangers", False)):
        if some := [prediction for prediction, seen in judged if seen is wanted]:
            print(f"{title}, {len(some)} clips\n{score(some).text()}")
    return 0


def join(args: argparse.Namespace) -> int:
    """``lipstream cue join``."""
    with needs_extra("cue"):
        from ...models.store.join import join_weights
    join_weights(args.preset, args.sound, args.cue, args.gate, args.out)
    print(args.out)
    return 0


def _add(
    kinds: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        name, help=what, description=what[0].upper() + what[1:] + "."
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "recipe", type=Path, nargs="?", default=RECIPE, metavar="RECIPE", help="a TOML file (the shipped one)"
    )
    add_run_options(parser, "landmarks and sound")
    add_data_option(parser)
    parser.add_argument("--steps", type=int, metavar="N", help="optimizer steps instead of the recipe's")
    return parser


def _read_recipe(args: argparse.Namespace) -> "CueRecipe":
    """The recipe with the changes that the command line asks for; torch gets its threads."""
    with needs_extra("cue"):
        from ..recipe import read_table
        from .training import CueRecipe
    use_threads(args)
    return read_table(CueRecipe, args.recipe, changes(args, "data", "steps"))


def _examples(recipe: "CueRecipe", cache: Path) -> "list[Example]":
    from ..data.corpus import read_library
    from ..data.landmark_corpus import read_landmark_clips
    from .views import example_of

    library = read_library(recipe.data, recipe.exclude_licences)
    return [example_of(clip) for clip in read_landmark_clips(library, cache, recipe.clips_of_a_speaker)]


def _tell(step: int, loss: float) -> None:
    print(f"step {step}: {loss:.3f} nats a level", flush=True)
