"""Many streams against as many runtimes of one: what is counted, and what is said."""

from dataclasses import replace

import pytest

from lipstream.bench.output import plain
from lipstream.bench.speed import streams
from lipstream.bench.speed.streams import measure_streams
from lipstream.errors import InputError


def test_it_measures_every_number_of_streams_and_says_what_it_did_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "_WARM_UP", 1)
    report = measure_streams("lite", "onnx", counts=(1, 3), hops=2)
    assert [entry.streams for entry in report.times] == [1, 3]
    assert plain(report)["hop_ms"] == 12.5
    for entry in report.times:
        assert entry.gain == pytest.approx(entry.apart_us / entry.joint_us)
        assert entry.capacity == pytest.approx(12_500 / entry.joint_us)
    assert "streams per GPU: not measured" in report.text()
    on_gpu = replace(report, runtime="cuda-graph").text()
    assert "not measured" not in on_gpu
    assert "per GPU" in on_gpu


def test_an_unknown_runtime_gets_one_clear_line() -> None:
    with pytest.raises(InputError, match="unknown runtime 'abacus'"):
        measure_streams("lite", "abacus")
