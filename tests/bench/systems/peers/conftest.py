"""Small streaming graphs with known behaviour, each with its description."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

HOP = 160


def _save(path: Path, nodes: list[onnx.NodeProto], inputs: dict[str, list[int]], outputs: list[str]) -> None:
    shape = next(iter(inputs.values()))
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


@pytest.fixture(scope="module")
def delaying(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float, int], Path]:
    """Makes descriptions of graphs that give the hop before the last, times a gain: late by HOP samples."""

    def make(gain: float = 1.0, sample_rate: int = 16_000) -> Path:
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
    nodes = [helper.make_node("Identity", ["spectrum"], ["same"])]
    _save(tmp_path / "spectral.onnx", nodes, {"spectrum": [1, HOP + 1, 1, 2]}, ["same"])
    path = tmp_path / "spectral.toml"
    path.write_text(
        f'name = "spectral"\ngraph = "spectral.onnx"\nsample_rate = 16000\nhop = {HOP}\n'
        f'window = {2 * HOP}\ninput = "spectrum"\noutput = "same"\n'
    )
    return path
