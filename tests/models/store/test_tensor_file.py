"""The small reader of safetensors files against the format's own library, and against damage."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lipstream.errors import InputError
from lipstream.models.store.registry import weights_file
from lipstream.models.store.tensor_file import read_tensors


def write(path: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_it_reads_what_the_format_s_own_library_reads() -> None:
    ours, theirs = read_tensors(weights_file("lite")), load_file(weights_file("lite"))
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name].numpy(), err_msg=name)


def test_metadata_and_scalars_do_not_disturb(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save_file({"scalar": torch.tensor(3.5), "none": torch.zeros(0, 4)}, path, metadata={"lipstream": "{}"})
    tensors = read_tensors(path)
    assert tensors["scalar"].shape == ()
    assert tensors["scalar"] == 3.5
    assert tensors["none"].shape == (0, 4)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2]},
        "tensor",
    ],
)
def test_entries_that_do_not_fit_the_data_are_refused(tmp_path: Path, entry: object) -> None:
    with pytest.raises(InputError, match="no safetensors file"):
        read_tensors(write(tmp_path / "bad", {"a": entry}, bytes(8)))


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content)
    with suppress(InputError):  # nothing else may come out
        assert read_tensors(path) == {}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the weights"):
        read_tensors(tmp_path / "nowhere")
