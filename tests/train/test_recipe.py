"""Recipes: what a file may say, and what it is told when it says something else."""

from dataclasses import replace
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.models.config import PRESETS, MemoryConfig, ModelConfig
from lipstream.models.parents.semamba import SEMambaConfig
from lipstream.models.store.folder import PARENTS
from lipstream.train.commands import RECIPES
from lipstream.train.losses.loss import LossConfig
from lipstream.train.mixing.video_mixtures import VideoConfig
from lipstream.train.recipe import Recipe, load_recipe
from lipstream.train.run.optimizer import OptimizerConfig


@pytest.fixture
def written(tmp_path: Path):
    """Writes a recipe and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_load(path: Path) -> None:
    assert load_recipe(path).preset in {*PRESETS, *PARENTS}


def test_the_recipes_of_the_parents_have_their_weights() -> None:
    names = {path.stem: load_recipe(path) for path in RECIPES.glob("*.toml")}
    full = names["liteavse"]
    weights = {name: weight for name, weight in full.loss.weights().items() if weight}
    assert weights == {"magnitude": 0.9, "phase": 0.3, "complex": 0.1, "consistency": 0.1, "si_sdr": 0.3}
    assert replace(full, model={"without": ["vce"]}) == names["liteavse-without-vce"]
    assert replace(full, model={"without": ["fsvg"]}) == names["liteavse-without-fsvg"]
    assert replace(full, video=VideoConfig()) == names["liteavse-audio"]
    assert names["lite-offline"] == replace(names["lite"], offline=True)


def test_a_model_is_its_preset_and_what_differs(written) -> None:
    recipe = load_recipe(
        written(
            """
            preset = "lite"
            [model]
            channels = 16
            without = ["memory", "gate"]
            frequency = { expand = 3 }
            [model.stft]
            hop = 100
            [model.visual]
            encoder = "mobilenet"
            """
        )
    )
    lite, model = PRESETS["lite"], recipe.network
    assert isinstance(model, ModelConfig)
    assert (model.channels, model.memory, model.gate, model.stft.hop) == (16, None, None, 100)
    assert model.frequency == replace(lite.frequency, expand=3)
    assert (model.visual.encoder, model.visual.embedding_size) == ("mobilenet", 512)
    assert model.band == lite.band
    assert recipe.hop == 100
    assert replace(recipe, offline=True).network == model.offline()


def test_what_a_preset_lacks_begins_from_its_defaults(written) -> None:
    recipe = load_recipe(written('preset = "base"\n[model.memory]\nchannels = 32'))
    assert isinstance(recipe.network, ModelConfig)
    assert recipe.network.memory == MemoryConfig(channels=32)


def test_the_parent_has_sizes_of_its_own(written) -> None:
    loss = "[loss]\nlost_speech = 0\nsi_sdr = 0"
    recipe = load_recipe(written(f'preset = "semamba"\n[model]\nhid_feature = 8\n{loss}'))
    assert recipe.network == SEMambaConfig(hid_feature=8)


def test_an_empty_recipe_has_the_defaults(written) -> None:
    assert load_recipe(written("")) == Recipe()


def test_keys_and_tables_replace_their_defaults_alone(written) -> None:
    recipe = load_recipe(
        written(
            """
            preset = "base"
            offline = true
            held_out_noise = ["fan"]
            [mix]
            seconds = 3
            snr_db = [-5, 20]
            source_weights = { a = 0.5, b = 0.5 }
            [loss]
            lost_speech = 0
            [optimizer]
            learning_rate = 1e-3
            """
        )
    )
    assert (recipe.preset, recipe.offline, recipe.held_out_noise) == ("base", True, ("fan",))
    assert (recipe.mix.seconds, recipe.mix.snr_db) == (3.0, (-5, 20))
    assert recipe.mix.source_weights == {"a": 0.5, "b": 0.5}
    assert recipe.loss == LossConfig(lost_speech=0.0)
    assert recipe.optimizer == OptimizerConfig(learning_rate=1e-3)
    assert recipe.batch == Recipe().batch


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = ", "no valid TOML"),
        ("stepz = 3", "unknown key 'stepz': known keys are preset, "),
        ("[mix]\nsnr = 3", r"\[mix\]: unknown key 'snr': known keys are seconds"),
        ("steps = '3'", "steps must be a whole number, not '3'"),
        ("steps = 1.5", "steps must be a whole number, not 1.5"),
        ("offline = 1", "offline must be true or false, not 1"),
        ("mix = 3", "mix must be a table, not 3"),
        ("[mix]\nsnr_db = 5", r"\[mix\]: snr_db must be an array of 2 numbers, not 5"),
        ("[mix]\nsnr_db = ['a', 5]", r"\[mix\]: snr_db must be an array of 2 numbers, not \['a', 5\]"),
        ("[mix]\nsnr_db = [5]", r"\[mix\]: snr_db must be an array of 2 numbers, not \[5\]"),
        ("[mix]\nsnr_db = [5, -5]", r"\[mix\]: snr_db must run from low to high"),
        ("[mix]\nseconds = 1.001", "16016 samples are no whole hops of 200"),
        ("[optimizer]\nlearning_rate = 'fast'", r"\[optimizer\]: learning_rate must be a number"),
        ("steps = 0", "at least 1"),
        ("preset = 'huge'", "'huge': choose one of"),
        (
            "preset = 'base'\n[model]\nwithout = ['lips']",
            "no part 'lips': choose one of vce, fsvg, memory, gate",
        ),
        ("[model]\nwithout = ['vce']", "'lite' has a voice gate and no fusion to leave parts of out"),
        ("[model]\nwidth = 8", r"\[model\]: unknown key 'width': known keys are name, channels"),
        ("[model]\nchannels = 'wide'", r"\[model\]: channels must be a whole number, not 'wide'"),
        ("[model]\ncodec = 'mp3'", r"codec must be one of 'dense', 'separable', 'band', not 'mp3'"),
        ("[model.time]\nversion = 3", r"\[time\]: version must be one of 1, 2, not 3"),
        ("[model]\nchannels = 9", r"\[model\]: head_size 16 must divide expand \* channels = 18"),
        ("[model]\ncausal = false", "'causal' is not to be changed here"),
        (
            "preset = 'semamba'\n[model]\nchannels = 8",
            r"unknown key 'channels': known keys are .*hid_feature",
        ),
        ("without = ['vce']", r"without stands in the table \[model\] now"),
        (
            "[mix]\nnoise_kinds = [0.5, 0.2, 0.1, 0.1, 0.1]",
            "write recorded = 0.5, babble = 0.2, talker = 0.1",
        ),
        ("[mix]\nsource_weights = [['a', 1.0]]", r"in a table \[mix.source_weights\] write a = 1.0"),
        ("[mix]\nsource_weights = []", "write nothing, or leave it out"),
        (
            "[mix.noise_kinds]\nrecorded = 0.9",
            r"\[noise_kinds\]: kinds of noise must sum to 1, .* not to 1.45",
        ),
        ("[mix.noise_kinds]\nbark = 0.9", r"\[noise_kinds\]: unknown key 'bark': known keys are recorded"),
        ("[mix.source_weights]\na = 'much'", r"source_weights.a must be a number, not 'much'"),
        ("preset = 'semamba'\n[video]\nshare = 0.5", "semamba hears only"),
        ("preset = 'semamba'\n[video]\nfreeze = 'lips'", "semamba hears only"),
        ("preset = 'semamba'\nstart_from = 'a'\ngrow = true", "semamba hears only"),
        ("preset = 'semamba'\n[mix]\nseconds = 0.51", "8160 samples are no whole hops of 100"),
        ("device = 'tpu'", "device 'tpu' is unknown: choose one of cpu, cuda"),
        ("precision = 'half'", "precision 'half' is unknown: choose one of float32, bfloat16"),
        ("precision = 'bfloat16'", 'set precision = "float32" to train on a CPU, or device = "cuda"'),
        ("max_bad_batches = 0", "max_bad_batches must be at least 1"),
        ("[optimizer]\nschedule = 'steps'", r"\[optimizer\]: unknown schedule 'steps'"),
        ("[optimizer]\nmatrices = 'sgd'", r"\[optimizer\]: unknown matrices 'sgd'"),
        ("[optimizer]\nknown_rate = 0.3", r"known_rate is for models that grow: leave it out, or set grow"),
        ("grow = true", "grow needs weights to grow from: name them in start_from"),
        ("[video]\nfreeze = 'audio'", r"\[video\]: video.freeze 'audio' is unknown"),
        ("[optimizer]\nbetas = 0.9", r"\[optimizer\]: betas must be an array"),
        ("[loss]\nphase = -1", r"\[loss\]: the weights of the loss must be at least 0"),
    ],
)
def test_bad_recipes_are_told_in_one_line(written, text: str, message: str) -> None:
    path = written(text)
    with pytest.raises(InputError, match=message) as told:
        load_recipe(path)
    assert str(told.value).startswith(str(path))


def test_bytes_that_are_no_text_are_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no valid TOML"):
        load_recipe(path)


def test_a_missing_recipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such recipe"):
        load_recipe(tmp_path / "none.toml")
