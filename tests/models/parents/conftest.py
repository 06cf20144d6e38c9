"""What the originals gave: weights, input and output at small width, beside the recordings for testing."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

Golden = Callable[[str], dict[str, Tensor]]


@pytest.fixture(scope="session")
def golden_of(shared_data: Path) -> Golden:
    """Gives the arrays of a parent's original code by name; skips where they are absent."""

    @cache
    def load(name: str) -> dict[str, Tensor]:
        path = shared_data.parent / "reference" / f"{name}_golden.npz"
        if not path.is_file():
            pytest.skip(f"no reference numbers {path.name} beside the recordings")
        with np.load(path) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    return load


@pytest.fixture(scope="session")
def angle_between() -> Callable[[Tensor, Tensor], Tensor]:
    """Difference of phases, in [0, pi]."""
    return lambda a, b: torch.atan2(torch.sin(a - b), torch.cos(a - b)).abs()
