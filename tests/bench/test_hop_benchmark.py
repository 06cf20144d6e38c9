"""The trend of one hop of the shipped model: run with ``pytest --benchmark-enable`` to time it."""

from importlib.resources import files
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark")

if not files("lipstream.models").joinpath("weights", "lite.onnx").is_file():
    pytest.skip("the weights of 'lite' are not there", allow_module_level=True)


def test_one_hop_of_lite_on_onnx(benchmark: Any):
    from lipstream.stream.runtimes import load_runtime

    runtime = load_runtime("lite", "onnx")
    hop = (0.05 * np.random.default_rng(0).standard_normal(runtime.spec.hop_samples)).astype(np.float32)
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    out, _ = benchmark.pedantic(
        runtime.process_hop, args=(hop, embedding, 0.0, 0.0), rounds=500, iterations=1, warmup_rounds=50
    )
    assert out.shape == hop.shape
