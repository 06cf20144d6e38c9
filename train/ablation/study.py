"""Trains the fusions of the study in turn, on the same mixtures, and judges them side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...models.store.checkpoint import load_model
from ..recipe import Recipe, load_recipe
from ..run.estimator import StreamingEstimator
from ..run.loop import Trainer, seconds_of
from .scoring import Item, score_models
from .table import table_of

#: What the others are compared with, and what is given no lips.
OWN, AUDIO = "own", "audio"
#: The recipes, in the order of the table.
FUSIONS = (OWN, AUDIO, "baseline", "direct", "vce-fsvg", "scout", "need", "scout-need")
_RECIPES = Path(__file__).parent


def read_recipes(data: Path, hours: float | None = None) -> dict[str, Recipe]:
    """The recipes of the study by name.

    Args:
        data: the data folder.
        hours: of mixtures for each training; None for what the recipes say.

    Raises:
        InputError: hours for less than one step.
    """
    recipes = {}
    for name in FUSIONS:
        recipe = replace(load_recipe(_RECIPES / f"{name}.toml"), data=(str(data),))
        if hours is not None:
            steps = int(3600 * hours / seconds_of(recipe))
            if steps < 1:
                raise InputError(f"{hours:g} hours are no step of {seconds_of(recipe):g} s: ask for more")
            recipe = replace(recipe, steps=steps, validate_every=steps)
        recipes[name] = recipe
    return recipes


class Study:
    """One study in one folder: a training of each fusion in a folder by its name.

    Trainings that are done are not done again; one that was stopped goes on.

    Args:
        recipes: by name, with `OWN` and `AUDIO`; alike in all but the model and what it sees.
        out: where the trainings are, or will be.
        cache: folder for decoded recordings.
    """

    def __init__(self, recipes: Mapping[str, Recipe], out: Path, cache: Path) -> None:
        self.recipes, self.out, self.cache = recipes, out, cache
        self._trainer: Trainer | None = None
        self._stopping = False

    @property
    def hours(self) -> float:
        """Of mixtures that each training sees."""
        recipe = self.recipes[OWN]
        return recipe.steps * seconds_of(recipe) / 3600

    def stop(self) -> None:
        """End `train` after the step that runs, with a checkpoint. A signal handler may call it."""
        self._stopping = True
        if self._trainer is not None:
            self._trainer.stop()

    def train(self, tell: Callable[[str], None]) -> bool:
        """Train those that are not done.

        Args:
            tell: is given a line before each training.

        Returns:
            Whether all are done; else `stop` was called.

        Raises:
            InputError: as `Trainer`.
        """
        for number, (name, recipe) in enumerate(self.recipes.items()):
            folder = self.out / name
            folder.mkdir(parents=True, exist_ok=True)
            self._trainer = trainer = Trainer(recipe, folder, self.cache)
            if self._stopping:
                return False
            if trainer.progress.step < recipe.steps:
                tell(f"{number + 1} of {len(self.recipes)}: {name}, {recipe.steps} steps, into {folder}")
                trainer.run()
            if trainer.progress.step < recipe.steps:
                return False
        return True

    def judge(self, items: Sequence[Item], progress: Callable[[float, float], None]) -> str:
        """The tables of all trainings, which are done.

        Args:
            items: of at least two speakers.
            progress: see `score_models`.
        """
        models, latency_ms = dict[str, StreamingEstimator](), dict[str, float]()
        for name in self.recipes:
            net = load_model(self.out / name)
            models[name] = StreamingEstimator(net).eval()
            lag = net.config.stft.window + net.config.lookahead_samples
            latency_ms[name] = 1000 * lag / net.config.stft.sample_rate
        return table_of(score_models(models, AUDIO, items, progress), items, OWN, latency_ms)
