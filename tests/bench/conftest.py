"""Signals, a runtime and small streaming graphs shared by the tests of the bench."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipstream.stream.runtimes.base import StreamSpec

SAMPLE_RATE = 16000
#: Samples a call of the small graphs.
HOP = 160


@pytest.fixture(scope="session")
def speech_like() -> Callable[[float], np.ndarray]:
    """Makes so many seconds of a gliding voice in syllables of 0.25 s, in which PESQ finds utterances."""

    def make(seconds: float) -> np.ndarray:
        time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * time)) / SAMPLE_RATE
        formant = 4 + 2 * np.sin(2 * np.pi * 3 * time)
        voice = sum(np.sin(k * phase) * np.exp(-((k - formant) ** 2) / 18) for k in range(1, 25))
        breath = 0.02 * np.random.default_rng(0).standard_normal(time.size)
        syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, None)
        return (0.1 * syllables * (voice + breath)).astype(np.float32)

    return make


class PassThrough:
    """A runtime that gives its input back, late by window - hop; the lips' brightness is their embedding.

    Attributes:
        seen: for each hop since the reset, the embedding and its age.
    """

    spec = StreamSpec("pass-through", SAMPLE_RATE, 400, 200, 1, 96)
    state_bytes = 800

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last_hop = np.zeros(200, np.float32)
        self.seen: list[tuple[float, float]] = []

    def process_hop(
        self, hop: np.ndarray, embedding: np.ndarray, video_age_s: float, dry: float
    ) -> tuple[np.ndarray, float]:
        self.seen.append((float(embedding[0]), video_age_s))
        out, self._last_hop = self._last_hop, hop.copy()
        return out, 0.0

    def encode_lips(self, crop: np.ndarray) -> np.ndarray:
        return np.array([crop[0, 0, 0]], np.float32)

    def see(self, landmarks: np.ndarray, age_s: float) -> np.ndarray:
        return np.array([landmarks[0, 0]], np.float32)


@pytest.fixture
def pass_through() -> PassThrough:
    """A fresh `PassThrough` runtime."""
    return PassThrough()


def _save(path: Path, nodes: list[Any], inputs: dict[str, list[int]], outputs: list[str]) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = next(iter(inputs.values()))
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


@pytest.fixture(scope="session")
def delaying(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float, int], Path]:
    """Makes descriptions of graphs that give the hop before the last, times a gain: late by HOP samples."""

    def make(gain: float = 1.0, sample_rate: int = 16_000) -> Path:
        from onnx import helper

        nodes = [
            helper.make_node("Mul", ["kept.hop", "gain"], ["late"]),
            helper.make_node("Identity", ["hop"], ["next.hop"]),
        ]
        inputs = {"hop": [1, HOP], "kept.hop": [1, HOP], "gain": [1]}
        folder = tmp_path_factory.mktemp("delay")
        _save(folder / "delay.onnx", nodes, inputs, ["late", "next.hop"])
        path = folder / "delay.toml"
        path.write_text(
            f'name = "delay"\ngraph = "delay.onnx"\nsample_rate = {sample_rate}\nhop = {HOP}\n'
            f'input = "hop"\noutput = "late"\n[states]\n"kept.*" = "next.*"\n[constants]\ngain = {gain}\n'
        )
        return path

    return make


@pytest.fixture
def spectral(tmp_path: Path) -> Path:
    """The description of a graph that gives back the spectra of windows of two hops."""
    from onnx import helper

    nodes = [helper.make_node("Identity", ["spectrum"], ["same"])]
    _save(tmp_path / "spectral.onnx", nodes, {"spectrum": [1, HOP + 1, 1, 2]}, ["same"])
    path = tmp_path / "spectral.toml"
    path.write_text(
        f'name = "spectral"\ngraph = "spectral.onnx"\nsample_rate = 16000\nhop = {HOP}\n'
        f'window = {2 * HOP}\ninput = "spectrum"\noutput = "same"\n'
    )
    return path
