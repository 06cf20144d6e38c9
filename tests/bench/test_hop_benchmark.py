"""The trend of one hop of the shipped model: run with ``pytest --benchmark-enable`` to time it."""

from typing import Any

import numpy as np
import pytest

from lipstream.models.registry import is_shipped
from lipstream.stream.runtimes import load_runtime

pytest.importorskip("pytest_benchmark")

if not is_shipped("lite"):
    pytest.skip("the weights of 'lite' are not there", allow_module_level=True)


def test_one_hop_of_lite_on_onnx(benchmark: Any):
    runtime = load_runtime("lite", "onnx")
    hop = (0.05 * np.random.default_rng(0).standard_normal(runtime.spec.hop_samples)).astype(np.float32)
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    out, _ = benchmark.pedantic(
        runtime.process_hop, args=(hop, embedding, 0.0, 0.0), rounds=500, iterations=1, warmup_rounds=50
    )
    assert out.shape == hop.shape
