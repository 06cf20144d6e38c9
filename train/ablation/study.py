"""Trains the fusions of the study in turn, on the same mixtures, and judges them side by side."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...models.config import ModelConfig
from ...models.store.checkpoint import load_model
from ..recipe import Recipe, load_recipe
from ..run.estimator import StreamingEstimator
from ..run.loop import Trainer, seconds_of
from .scoring import read_items, score_models
from .table import table_of

#: The recipes, in the order of the table; what the others are compared with comes first.
OWN, AUDIO = "own", "audio"
FUSIONS = (OWN, AUDIO, "baseline", "direct", "vce-fsvg", "scout", "need", "scout-need")
RECIPES = Path(__file__).parent


class Study:
    """One study in one folder: a training of each fusion in a folder by its name.

    Trainings that are done are not done again; one that was stopped goes on.

    Args:
        out: where the trainings are, or will be.
        data: the data folder.
        cache: folder for decoded recordings.
        hours: of mixtures for each training; None for what the recipes say.

    Raises:
        InputError: hours for less than one step.
    """

    def __init__(self, out: Path, data: Path, cache: Path, hours: float | None = None) -> None:
        self.out, self.data, self.cache = out, data, cache
        self.recipes = {name: _recipe(name, data, hours) for name in FUSIONS}
        self.trainer: Trainer | None = None
        self.stopping = False

    @property
    def hours(self) -> float:
        """Of mixtures that each training sees."""
        recipe = self.recipes[OWN]
        return recipe.steps * seconds_of(recipe) / 3600

    def stop(self) -> None:
        """End `train` after the step that runs, with a checkpoint. A signal handler may call it."""
        self.stopping = True
        if self.trainer is not None:
            self.trainer.stop()

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
            if self.stopping:
                return False
            folder = self.out / name
            folder.mkdir(parents=True, exist_ok=True)
            tell(f"{number + 1} of {len(self.recipes)}: {name}, {recipe.steps} steps, into {folder}")
            self.trainer = Trainer(recipe, folder, self.cache)
            if self.trainer.progress.step < recipe.steps:
                self.trainer.run()
            if self.trainer.progress.step < recipe.steps:
                return False
        return True

    def judge(self, progress: Callable[[float, float], None]) -> str:
        """The table of all trainings, which are done.

        Raises:
            InputError: the test set is missing or unreadable.
        """
        items = read_items(self.data, self.cache)
        models, latency_ms = dict[str, StreamingEstimator](), dict[str, float]()
        for name in FUSIONS:
            net = load_model(self.out / name)
            models[name] = StreamingEstimator(net).eval()
            lag = net.config.stft.window + net.config.lookahead_samples
            latency_ms[name] = 1000 * lag / net.config.stft.sample_rate
        verdicts = score_models(models, AUDIO, items, progress)
        return table_of(verdicts, items, OWN, latency_ms)


def _recipe(name: str, data: Path, hours: float | None) -> Recipe:
    recipe = replace(load_recipe(RECIPES / f"{name}.toml"), data=(str(data),))
    assert isinstance(recipe.network, ModelConfig), "all recipes of the study are of a stream"
    if hours is None:
        return recipe
    steps = int(3600 * hours / seconds_of(recipe))
    if steps < 1:
        raise InputError(f"{hours:g} hours are no step of {seconds_of(recipe):g} s: ask for more")
    return replace(recipe, steps=steps, validate_every=steps)
