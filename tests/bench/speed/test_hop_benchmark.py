"""The trend of one hop of the shipped model: run with ``pytest --benchmark-enable`` to time it."""

import shutil
from typing import Any

import numpy as np
import pytest

from lipstream import Enhancer
from lipstream.stream.runtimes import load_runtime


@pytest.mark.parametrize("name", ["onnx", "native"])
def test_one_hop_of_lite(benchmark: Any, name: str):
    if name == "native" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("there is no C++ compiler here")
    runtime = load_runtime("lite", name)
    hop = (0.05 * np.random.default_rng(0).standard_normal(runtime.spec.hop_samples)).astype(np.float32)
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    out, _ = benchmark.pedantic(
        runtime.process_hop, args=(hop, embedding, 0.0, 0.0), rounds=500, iterations=1, warmup_rounds=50
    )
    assert out.shape == hop.shape


def test_a_block_of_a_device_through_the_enhancer(benchmark: Any):
    enhancer = Enhancer("lite", sample_rate=48_000)
    block = (0.05 * np.random.default_rng(0).standard_normal(480)).astype(np.float32)
    out = benchmark.pedantic(enhancer.process, args=(block,), rounds=500, iterations=1, warmup_rounds=50)
    assert out.shape == block.shape
