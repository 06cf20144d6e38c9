"""Processes that share a run give the run of one process; what cannot be shared or is not there is told."""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lipstream.errors import InputError
from lipstream.models.config import PRESETS
from lipstream.train.losses.loss import LossConfig
from lipstream.train.recipe import Recipe
from lipstream.train.run.distributed import Group, joined, torch_device
from lipstream.train.run.loop import Trainer
from lipstream.train.run.optimizer import OptimizerConfig

ALONE = Group(torch.device("cpu"))

#: What each of the processes runs: the arguments are a file with preset and recipe, and two folders.
MEMBER = """
import pickle, sys
from pathlib import Path
import torch
from lipstream.models.config import PRESETS
from lipstream.train.run.distributed import joined
from lipstream.train.run.loop import Trainer

torch.set_num_threads(1)
config, recipe = pickle.loads(Path(sys.argv[1]).read_bytes())
if config is not None:
    PRESETS[config.name] = config
with joined(recipe.device) as group:
    Trainer(recipe, Path(sys.argv[2]), Path(sys.argv[3]), group).run()
"""


def train_together(processes: int, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """The checkpoint of a run of so many processes, started as ``torchrun`` starts them."""
    (folder / "task").write_bytes(pickle.dumps((PRESETS.get(recipe.preset), recipe)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER, "task", "together", "new-cache"],
            cwd=folder,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        told = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0] * processes, told
    assert [out.count('"val_sound_pesq"') for out, _ in told] == [1] + [0] * (processes - 1)
    content: dict[str, Any] = torch.load(folder / "together" / "checkpoint.pt", weights_only=True)
    return content


def test_two_processes_take_the_steps_of_one_with_the_whole_batch(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    optimizer = OptimizerConfig(warmup_steps=0, clip_norm=0.5)
    recipe = make_recipe(steps=3, optimizer=optimizer, loss=LossConfig(phase=0.1, consistency=0.1))
    alone = Trainer(recipe, tmp_path / "alone", tmp_path / "cache")
    alone.run()
    found, expected = train_together(2, recipe, tmp_path), alone.learner.state()
    for number, state in expected["optimizer"]["state"].items():
        # The running means of the gradients: the weights alone would agree by their small steps.
        torch.testing.assert_close(
            found["optimizer"]["state"][number]["exp_avg"], state["exp_avg"], rtol=1e-3, atol=1e-6
        )
    for name, value in expected["average"].items():
        torch.testing.assert_close(found["average"][name], value, rtol=1e-3, atol=1e-5)
    assert found["progress"]["step"] == 3
    assert found["progress"]["best_score"] == pytest.approx(alone.progress.best_score, rel=1e-3)


def test_two_processes_share_a_parent_and_its_critic(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    loss = LossConfig(metric=0.05, time=0.2, lost_speech=0.0, si_sdr=0.0)
    model = {"channels": 4, "num_blocks": 1}
    recipe = make_recipe(preset="mpsenet", model=model, steps=2, validate_every=2, loss=loss)
    Trainer(recipe, tmp_path / "alone", tmp_path / "new-cache")  # decodes the recordings
    found = train_together(2, recipe, tmp_path)
    assert (found["progress"]["step"], found["progress"]["skipped_batches"]) == (2, 0)
    states = found["critic"]["optimizer"]["state"].values()
    assert all(state["step"] == 2 and state["exp_avg"].isfinite().all() for state in states)


def test_each_process_draws_its_part_of_the_batch(
    make_recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Group, "_wait", lambda group: None)
    monkeypatch.setattr(Group, "share", lambda group, module, all_used: module)
    recipe = make_recipe(batch=4)
    groups = [ALONE, *(Group(torch.device("cpu"), rank, 2) for rank in range(2))]
    whole, *parts = (
        next(Trainer(recipe, tmp_path / "run", tmp_path / "cache", group).draw_ahead()).noisy
        for group in groups
    )
    assert torch.equal(torch.cat(parts), whole)


def test_a_batch_that_cannot_be_shared_is_told(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    pair = replace(ALONE, size=2)
    with pytest.raises(InputError, match="2 processes cannot share a batch of 3: make it a multiple of 2"):
        Trainer(make_recipe(batch=3), tmp_path / "run", tmp_path / "cache", pair)


def test_one_process_alone_is_its_own_group() -> None:
    with joined("cpu") as group:
        assert (group.rank, group.size, group.leads) == (0, 1, True)
        assert group.device == torch.device("cpu")
    layer = torch.nn.Linear(2, 2)
    assert ALONE.share(layer, all_used=True) is layer
    assert torch.equal(ALONE.mean(torch.tensor([1.0, 3.0])), torch.tensor([1.0, 3.0]))
    assert ALONE.any(True)
    assert not ALONE.any(False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match=r"no CUDA device 0 here .*: train with --device cpu"):
        torch_device("cuda")
