"""The cost of models in all their forms."""

import pytest

from lipstream.bench.speed import cost as variants
from lipstream.bench.speed.cost import OFFLINE, Variant, measure_variants, variants_table
from lipstream.errors import InputError


def test_a_streaming_model_is_measured_in_a_process_of_its_own():
    (stream,) = measure_variants([("lite", "onnx")], hops=5)
    assert (stream.model, stream.runtime, stream.latency_ms) == ("lite", "onnx", 25.0)
    assert stream.parameters is not None
    assert stream.macs_per_second is not None
    assert stream.macs_per_second <= 0.3e9
    assert stream.state_bytes
    assert stream.rtf > 0
    # This process holds torch and all its libraries; that one held none of them when its peak was read.
    assert stream.peak_memory_mib is None or stream.peak_memory_mib < 250


def test_the_offline_form_waits_for_the_whole_recording_and_carries_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(variants, "OFFLINE_S", 0.5)
    offline = variants._measure("lite", OFFLINE, hops=1)
    assert (offline.latency_ms, offline.state_bytes) == (500.0, None)
    assert offline.rtf > 0


def test_what_is_not_known_is_a_dash():
    row = Variant("m", "onnx", None, None, None, 25.0, 0.1, None, None)
    shown = variants_table([row]).splitlines()[-1]
    assert shown.split() == ["m", "onnx", "-", "-", "-", "25.0", "0.1000", "-", "-"]


def test_an_unknown_model_is_told():
    with pytest.raises(InputError, match="unknown model"):
        measure_variants([("nothing", "onnx")])
