"""The commands ``lipstream cue gate`` and ``lipstream cue judge``. Light at import."""

import argparse
from pathlib import Path

from ...core.console import complain
from ...core.storage import make_folder
from ..command_line import (
    EXIT_INTERRUPTED,
    add_data_option,
    add_run_options,
    changes,
    needs_extra,
    stopped_by_ctrl_c,
    use_threads,
)

#: The recipe that ships.
RECIPE = Path(__file__).parent / "gate.toml"


def add_parsers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands below ``lipstream cue``."""
    parser = kinds.add_parser(
        "gate",
        help="train the voice gate beside a network for sound that stays as it is",
        description="Train the voice gate on simulated cues, and write the weights of the whole model. All "
        "but the gate stays as it was, to the bit. The same command goes on where a run stopped; Ctrl-C "
        "ends it after the step that runs.",
    )
    parser.set_defaults(run=gate)
    parser.add_argument(
        "recipe", type=Path, nargs="?", default=RECIPE, metavar="RECIPE", help="a TOML file (the shipped one)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the safetensors file to write"
    )
    add_run_options(parser, "decoded recordings")
    add_data_option(parser)
    parser = kinds.add_parser(
        "judge",
        help="score what lips do for a model, and what misleading ones do to it",
        description="Score weights on the clips of test/av.csv in a data folder, seen speakers and strangers "
        "apart, with right, wrong, late, still, frozen, slow, dropped, mirrored and no lips, a bigger second "
        "face, and offsets as --av-offset auto corrects them, against the audio-only output of the same "
        "weights. Then alpha by second.",
    )
    parser.set_defaults(run=judge)
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="a safetensors file of the model")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data folder")
    parser.add_argument("--preset", default="lite", metavar="NAME", help="of the model (%(default)s)")


def gate(args: argparse.Namespace) -> int:
    """``lipstream cue gate``.

    Returns:
        0, or 130 if the run was interrupted and its checkpoint written.
    """
    with needs_extra("cue"):
        import torch

        from ..recipe import read_table
        from .recipe import GateRecipe
        from .training import GateTrainer
    use_threads(args)
    recipe = read_table(GateRecipe, args.recipe, changes(args, "data"))
    for folder in (args.out.parent, args.cache):
        make_folder(folder)
    torch.set_flush_denormal(True)  # decaying states would crawl; the process is this command's own
    trainer = GateTrainer(recipe, args.out, args.cache)
    with stopped_by_ctrl_c(trainer):
        trainer.run(_tell)
    if not trainer.done:
        complain("warning", f"stopped after step {trainer.place.total}: the same command goes on from there")
        return EXIT_INTERRUPTED
    print(args.out)
    return 0


def judge(args: argparse.Namespace) -> int:
    """``lipstream cue judge``."""
    with needs_extra("cue"):
        from ...models.store.checkpoint import load_model
        from .judging import alpha_table_of, judge, read_judged, table_of
    net = load_model(args.preset, args.weights)
    verdicts = list(judge(net, read_judged(args.data)))
    print(table_of(verdicts), alpha_table_of(verdicts), sep="\n\n")
    return 0


def _tell(what: str, figures: dict[str, float]) -> None:
    print(f"{what}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()), flush=True)
