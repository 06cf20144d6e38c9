"""Quantized models in floats again: the same function, without integers."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from lipstream.train.makers.floats import to_floats

CHANNELS, UNITS = 12, 10


def model() -> onnx.ModelProto:
    """Two convolutions along time, a bidirectional LSTM and a product, on ``[1, 12, T]``."""
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(0.3 * rng.standard_normal(shape).astype(np.float32), name)

    constants = [
        weights("w1", CHANNELS, CHANNELS, 5),
        weights("b1", CHANNELS),
        weights("w2", CHANNELS, CHANNELS, 3),
        weights("w3", 2, 4 * UNITS, CHANNELS),
        weights("r3", 2, 4 * UNITS, UNITS),
        weights("b3", 2, 8 * UNITS),
        weights("w4", 2 * UNITS, 7),
        numpy_helper.from_array(np.array([0, 0, -1]), "shape"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], kernel_shape=[5], pads=[4, 4], dilations=[2]),
        helper.make_node("Tanh", ["c1"], ["t1"]),
        helper.make_node("Conv", ["t1", "w2"], ["c2"], kernel_shape=[3], pads=[1, 1], strides=[2]),
        helper.make_node("Transpose", ["c2"], ["l0"], perm=[2, 0, 1]),
        helper.make_node(
            "LSTM", ["l0", "w3", "r3", "b3"], ["l1"], hidden_size=UNITS, direction="bidirectional"
        ),
        helper.make_node("Transpose", ["l1"], ["l2"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["l2", "shape"], ["l3"]),
        helper.make_node("MatMul", ["l3", "w4"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mini",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, CHANNELS, "time"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def run(model: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_quantized_model_gives_what_its_floats_give(tmp_path: Path, per_channel: bool) -> None:
    onnx.save(model(), tmp_path / "plain.onnx")
    quantize_dynamic(
        tmp_path / "plain.onnx",
        tmp_path / "integers.onnx",
        op_types_to_quantize=["Conv", "LSTM", "MatMul"],
        weight_type=QuantType.QUInt8 if not per_channel else QuantType.QInt8,
        per_channel=per_channel,
    )
    integers = (tmp_path / "integers.onnx").read_bytes()
    assert {"ConvInteger", "DynamicQuantizeLSTM"} <= {
        node.op_type for node in onnx.load_from_string(integers).graph.node
    }
    floats = to_floats(integers)
    kinds = [node.op_type for node in onnx.load_from_string(floats).graph.node]
    assert not any("Integer" in kind or "Quant" in kind for kind in kinds)
    assert kinds.count("Conv") == 2
    x = np.random.default_rng(1).standard_normal((1, CHANNELS, 64)).astype(np.float32)
    plain = run((tmp_path / "plain.onnx").read_bytes(), x)
    rounded = np.abs(run(integers, x) - plain).max()
    assert np.abs(run(floats, x) - plain).max() < max(rounded, 0.05)
    np.testing.assert_allclose(run(floats, x), plain, atol=0.1)


def test_a_model_of_floats_stays_the_same_function() -> None:
    x = np.random.default_rng(2).standard_normal((1, CHANNELS, 33)).astype(np.float32)
    plain = model().SerializeToString()
    np.testing.assert_allclose(run(to_floats(plain), x), run(plain, x), atol=1e-5)
