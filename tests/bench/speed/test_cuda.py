"""The CUDA section: what it says with and without a GPU."""

import pytest
import torch

from lipstream.bench.machine import fingerprint
from lipstream.bench.speed.cuda import CudaReport, CudaTimes, measure_cuda
from lipstream.bench.speed.measurements import StepTimes


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_that_nothing_was_measured():
    report = measure_cuda("lite", hops=1)
    assert "not measured" in report.text()
    assert not list(report.measurements())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu_the_graph_takes_no_longer_than_the_hop_around_it():
    times = measure_cuda("lite", hops=50).times
    assert times is not None
    assert times.roofline_us < times.replay_us < 1e3 * times.graph.p50_ms


def test_the_roofline_is_what_is_moved_over_the_bandwidth():
    step = StepTimes.of([1e-4] * 5, 0.0125)
    times = CudaTimes("a GPU", step, 50.0, 1.0, step, moved_bytes=2_000_000, bytes_per_second=1e12)
    assert times.roofline_us == pytest.approx(2.0)
    assert "a GPU, 2.00 MB a hop, 1000 GB/s" in CudaReport(fingerprint(), "lite", times).text()
