"""The layers of a hop: none is missing, none counts twice."""

import pytest

from lipstream.bench.speed.network import layers as module
from lipstream.bench.speed.network.complexity import streaming_complexity
from lipstream.bench.speed.network.layers import measure_layers


@pytest.fixture(autouse=True)
def no_warm_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "WARM_UP", 0)


@pytest.mark.parametrize("name", ["lite", "base"])
def test_the_layers_make_up_the_model(name: str):
    whole = streaming_complexity(name)
    (model,) = measure_layers([name], hops=1).models
    layers = [*model.layers, model.visual]
    assert sum(layer.products for layer in model.layers) * 80 == whole.products_per_second
    total = sum(layer.products + layer.elementwise for layer in model.layers) * 80
    # Outside of all layers: the gain of the level, and the attenuation limit.
    assert 0.98 * whole.macs_per_second < total <= whole.macs_per_second
    assert sum(layer.parameters for layer in layers) == whole.parameters
    assert model.visual.parameters == whole.visual_parameters
    assert sum(layer.state_bytes for layer in layers) == whole.state_bytes
    assert all(layer.us > 0 for layer in layers)
    assert sum(layer.us for layer in model.layers) <= model.hop_us


def test_the_audio_of_the_shipped_model_and_its_gate_stay_within_their_budgets():
    (model,) = measure_layers(["lite"], hops=1).models
    macs = {layer.name: layer.products + layer.elementwise for layer in model.layers}
    gate = macs.pop("voice gate")
    assert sum(macs.values()) * 80 <= 0.3e9
    assert gate <= sum(macs.values()) / 4


def test_the_report_names_each_block_and_its_axes():
    report = measure_layers(["lite"], hops=2)
    text = report.text()
    for row in (
        "encode",
        "voice gate",
        "block 1 time",
        "block 1 frequency",
        "a hop",
        "visual encoder, a frame",
    ):
        assert f"\n{row} " in text
    names = [entry.name for entry in report.measurements()]
    assert "layers.lite.block_0_time.state" in names
