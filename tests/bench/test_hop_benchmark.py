"""The trend of one hop of the shipped model: run with ``pytest --benchmark-enable`` to time it."""

from typing import Any

import numpy as np

from lipstream.stream.runtimes import load_runtime


def test_one_hop_of_lite_on_onnx(benchmark: Any):
    runtime = load_runtime("lite", "onnx")
    hop = (0.05 * np.random.default_rng(0).standard_normal(runtime.spec.hop_samples)).astype(np.float32)
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    out, _ = benchmark.pedantic(
        runtime.process_hop, args=(hop, embedding, 0.0, 0.0), rounds=500, iterations=1, warmup_rounds=50
    )
    assert out.shape == hop.shape
