"""What can be timed, with weights that ship and without."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipstream.bench.speed.candidates import load_candidate, load_untrained, prepare_graphs
from lipstream.errors import InputError
from lipstream.models.config import preset


def test_a_preset_without_weights_runs_eagerly_with_random_ones(tmp_path: Path):
    runtime = load_candidate("base", "eager", tmp_path)
    assert runtime.spec.name == "base"
    hop = np.zeros(runtime.spec.hop_samples, np.float32)
    out, _ = runtime.process_hop(hop, np.zeros(runtime.spec.embedding_size, np.float32), 0.0, 0.0)
    assert np.isfinite(out).all()


def test_other_sizes_have_their_own_state():
    smaller = replace(preset("lite"), num_blocks=1)
    assert load_untrained(smaller, "eager").state_bytes < load_candidate("lite", "eager", Path()).state_bytes


def test_graphs_are_written_only_where_they_are_wanted(tmp_path: Path):
    prepare_graphs("lite", "onnx", tmp_path)
    prepare_graphs("base", "eager", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_runtime_that_takes_no_random_weights_is_told():
    with pytest.raises(InputError, match=r"needs weights: use .eager."):
        load_untrained(preset("base"), "onnx")
