"""One suite for the pools of all runtimes on the CPU: each of their streams equals a runtime of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from lipstream.errors import InputError
from lipstream.models.store.registry import graph_files
from lipstream.stream.runtimes import PoolRuntime, load_pool, load_runtime
from lipstream.stream.runtimes.native import NativePool
from lipstream.stream.runtimes.onnx import OnnxPool

STREAMS = 5

#: How each pool is made, the runtime of one stream to compare with, and how far they may differ.
POOLS: dict[str, tuple[Callable[[], PoolRuntime], str, float]] = {
    "eager": (lambda: load_pool("lite", STREAMS, "eager"), "eager", 1e-5),
    "onnx": (lambda: load_pool("lite", STREAMS, "onnx"), "onnx", 1e-5),
    "native": (lambda: load_pool("lite", STREAMS, "native"), "native", 0.0),
    "native, two threads": (lambda: NativePool.of_preset("lite", STREAMS, threads=2), "native", 0.0),
}


def made(name: str) -> PoolRuntime:
    """The pool; skips the test where no compiler builds it."""
    if name.startswith("native") and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler builds the native runtime here")
    return POOLS[name][0]()


class Inputs:
    """Random hops and embeddings for all streams of a pool."""

    def __init__(self, pool: PoolRuntime) -> None:
        self._spec, self._streams = pool.spec, pool.streams
        self.random = np.random.default_rng(4)

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Hops, embeddings, ages and shares, float32."""
        shapes = [(self._streams, self._spec.hop_samples), (self._streams, self._spec.embedding_size)]
        hops, embeddings = (self.random.standard_normal(shape).astype(np.float32) for shape in shapes)
        ages, dry = self.random.uniform(0, 0.6, (2, self._streams)).astype(np.float32)
        return 0.1 * hops, embeddings, ages, dry


@pytest.mark.parametrize("name", POOLS)
def test_streams_that_pause_and_begin_anew_equal_runtimes_of_their_own(name: str) -> None:
    pool, atol = made(name), POOLS[name][2]
    alone = [load_runtime("lite", POOLS[name][1]) for _ in range(STREAMS)]
    assert (pool.streams, pool.spec, pool.state_bytes) == (STREAMS, alone[0].spec, alone[0].state_bytes)
    inputs = Inputs(pool)
    loudest = 0.0
    for k in range(24):
        active = inputs.random.random(STREAMS) < (0.0, 0.3, 0.7, 1.0)[k // 2 % 4]
        if k % 5 == 4:
            pool.reset(k % STREAMS)
            alone[k % STREAMS].reset()
        hops, embeddings, ages, dry = inputs.draw()
        hops[~active] = np.nan  # must not matter
        if k % 6 == 0:
            face = inputs.random.uniform(100, 200, (44, 3)).astype(np.float32)
            embeddings[k % STREAMS] = pool.see(k % STREAMS, face, 0.01)
            np.testing.assert_array_equal(embeddings[k % STREAMS], alone[k % STREAMS].see(face, 0.01))
        out, alphas = pool.process_hops(hops, embeddings, ages, dry, active)
        assert not out[~active].any()
        assert not alphas[~active].any()
        for s in np.flatnonzero(active):
            expected, alpha = alone[s].process_hop(hops[s], embeddings[s], float(ages[s]), float(dry[s]))
            np.testing.assert_allclose(out[s], expected, rtol=0, atol=atol)
            assert alphas[s] == pytest.approx(alpha, rel=0, abs=atol)
        loudest = max(loudest, np.abs(out).max())
    assert loudest > 0.01


@pytest.mark.parametrize("name", POOLS)
def test_outputs_are_the_caller_s_to_keep(name: str) -> None:
    pool = made(name)
    inputs, active = Inputs(pool), np.ones(STREAMS, np.bool_)
    out, alphas = pool.process_hops(*inputs.draw(), active)
    kept = out.copy(), alphas.copy()
    pool.process_hops(*inputs.draw(), active)
    np.testing.assert_array_equal(out, kept[0])
    np.testing.assert_array_equal(alphas, kept[1])


def test_a_graph_for_one_stream_alone_is_refused(tmp_path: Path) -> None:
    graph, cue, gate = graph_files("lite")
    model = onnx.load(graph)
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "lite.onnx")
    with pytest.raises(InputError, match=r"one stream alone.*'lipstream export'"):
        OnnxPool(tmp_path / "lite.onnx", cue, gate, STREAMS)


def test_a_graph_without_the_gate_that_it_needs_is_refused() -> None:
    graph, cue, _ = graph_files("lite")
    with pytest.raises(InputError, match="sees landmarks: a graph with the voice gate goes with landmarks"):
        OnnxPool(graph, cue, None, STREAMS)
