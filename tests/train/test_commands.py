"""``lipstream train``: its arguments, the folders it makes, Ctrl-C, and the errors a user sees."""

import argparse
import json
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lipstream.cli import main
from lipstream.errors import InputError
from lipstream.models.store.card import TRAINING_KEY
from lipstream.models.store.folder import read_metadata
from lipstream.models.store.registry import find_model
from lipstream.train.commands import RECIPES, add_bench_parser
from lipstream.train.run.loop import Trainer
from lipstream.train.run.reports import Reports

RECIPE = """
preset = "tiny"
data = "data"
steps = 4
batch = 1
validate_every = 2
validation_items = 1
held_out_noise = ["noisekun"]
[mix]
seconds = 0.5
source_weights = { mini = 1.0 }
"""


@pytest.fixture
def folder(data: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a recipe ``short.toml`` and its data."""
    (tmp_path / "short.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The one error told; warnings, as of a processor without fast bfloat16, may stand beside it."""
    (error,) = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("lipstream: error: ")
    ]
    return error


def test_registering_the_command_loads_nothing_heavy() -> None:
    code = "import lipstream.train.commands, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "scipy", "safetensors", "pesq"} & set(done.stdout.split())


def test_a_run_goes_into_a_folder_of_the_recipe_s_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "short.toml"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(Path("runs", "short", "best.safetensors"))
    assert (folder / "runs" / "short" / "best.safetensors").is_file()
    assert len(list((folder / "runs" / "cache").glob("*.npy"))) == 3


def test_bfloat16_is_refused_on_a_cpu_before_anything_starts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "short.toml").write_text('device = "cuda"\nprecision = "bfloat16"\n' + RECIPE)
    assert main(["train", "short.toml", "--device", "cpu"]) == 2
    assert 'set precision = "float32" to train on a CPU' in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_folders_data_steps_and_threads_can_be_named(folder: Path) -> None:
    (folder / "data").rename(folder / "elsewhere")
    places = ["--out", "out/a", "--cache", "kept", "--data", "elsewhere"]
    assert main(["train", "short.toml", *places, "--steps", "2", "--threads", "1"]) == 0
    last = json.loads((folder / "out" / "a" / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 2
    assert torch.get_num_threads() == 1
    assert (folder / "kept").is_dir()
    assert not (folder / "runs").exists()


def test_folders_of_recordings_do_for_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sounds = {"fan": folder / "data/train/noise/fan.flac", "speech": folder / "data/train/speech/mini.flac"}
    for name in ("a", "b", "c"):
        for kind, sound in (("noise", sounds["fan"]), ("speech", sounds["speech"])):
            (folder / kind / name).mkdir(parents=True)
            shutil.copyfile(sound, folder / kind / name / "x.flac")
    assert main(["train", "short.toml", "--speech", "speech", "--noise", "noise", "--steps", "2"]) == 0
    weights = folder / "runs" / "short" / "best.safetensors"
    assert find_model(weights.parent).weights == weights
    training = json.loads(read_metadata(weights)[TRAINING_KEY])
    assert training["licences"] == ["unknown"]
    assert training["steps"] == 2
    assert 0 < training["hours"]["speech"] < 0.1
    assert stat.S_IMODE(weights.stat().st_mode) == stat.S_IMODE((folder / "short.toml").stat().st_mode)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["lite"], "recipe 'lite' names no data: give --speech DIR and --noise DIR"),
        (["tiny", "--speech", "data"], "--speech and --noise go together"),
        (["tiny", "--data", "data", "--noise", "data"], "--data names manifests and stands alone"),
        (["tiny", "--speech", "nowhere", "--noise", "data"], "--speech nowhere: there is no such folder"),
    ],
)
def test_without_data_it_says_what_to_give(
    argv: list[str], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *argv]) == 2
    assert told in error_of(capsys)


def test_ctrl_c_ends_with_a_checkpoint_from_which_the_same_command_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = signal.getsignal(signal.SIGINT)
    validate = Trainer._validate

    def interrupted(trainer: Trainer, reports: Reports) -> None:
        signal.raise_signal(signal.SIGINT)
        validate(trainer, reports)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_validate", interrupted)
        assert main(["train", "short.toml"]) == 130
    told = capsys.readouterr().err.splitlines()
    assert "lipstream: warning: stopped after step 2: the same command goes on from there" in told
    assert signal.getsignal(signal.SIGINT) is usual

    assert main(["train", "short.toml"]) == 0
    steps = [json.loads(line)["step"] for line in (folder / "runs/short/log.jsonl").read_text().splitlines()]
    assert steps == [2, 4]


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests run in the background, whose processes ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
def test_a_second_ctrl_c_does_not_wait(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(trainer: Trainer, reports: Reports) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_validate", interrupted)
    assert main(["train", "short.toml"]) == 130
    assert "interrupted" in error_of(capsys)


def test_a_folder_with_the_run_of_another_recipe_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "short.toml", "--steps", "2"]) == 0
    (folder / "short.toml").write_text("seed = 7\n" + RECIPE)
    assert main(["train", "short.toml"]) == 2
    assert "does not fit this recipe (seed was 1 when it was made, and is 7)" in error_of(capsys)


def test_tensorboard_goes_beside_the_log(folder: Path) -> None:
    pytest.importorskip("tensorboard")
    assert main(["train", "short.toml", "--steps", "2", "--tensorboard"]) == 0
    assert list((folder / "runs" / "short" / "tensorboard").glob("events*"))


def bench(*argv: str) -> int:
    """``lipstream bench train`` by its parser alone."""
    parser = argparse.ArgumentParser()
    add_bench_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["train", *argv])
    return int(args.run(args))


def test_the_speed_of_a_recipe_is_printed_and_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("short.toml", "--steps", "1", "--threads", "1", "--json", "speed.json") == 0
    assert "seconds of mixtures trained on in a second" in capsys.readouterr().out
    report = json.loads(Path("speed.json").read_text())
    assert (report["preset"], report["steps"], report["batch"], report["seconds"]) == ("tiny", 1, 1, 0.5)
    assert not (folder / "runs" / "short").exists()


def test_a_speed_that_cannot_be_measured_is_told(folder: Path) -> None:
    for argv, message in (
        (["none"], "no recipe 'none'"),
        (["short.toml", "--steps", "0"], "--steps must be at least 1"),
        (["short.toml", "--json", "nowhere/speed.json"], "'nowhere' for the JSON report does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            bench(*argv)


def test_the_shipped_recipes_are_found_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [path.stem for path in RECIPES.glob("*.toml")]
    assert names
    for name in names:
        assert main(["train", name, "--data", "nowhere"]) == 2
        assert re.search(r"nowhere.train.\w+.csv is missing", error_of(capsys))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["none"], "no recipe 'none': give the path of a TOML file, or one of "),
        (["short.toml", "--steps", "0"], "steps"),
        (["short.toml", "--steps", "many"], "--steps"),
        (["short.toml", "--threads", "0"], "--threads must be at least 1"),
        (["short.toml", "--out", "short.toml"], "the folder short.toml cannot be made"),
        (["short.toml", "--out", "short.toml/below"], "the folder short.toml/below cannot be made"),
        (["short.toml", "--cache", "short.toml"], "the folder short.toml cannot be made"),
        (["short.toml", "--data", "nowhere"], "is missing"),
        ([], "RECIPE"),
    ],
)
def test_bad_input_is_told(
    argv: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *argv]) == 2
    assert message in error_of(capsys)


def test_without_torch_the_extra_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "short.toml"]) == 2
    assert 'pip install "lipstream[train]"' in error_of(capsys)
