"""A corpus by several ways: what is computed for clusters, and that all ways are measured."""

import pytest

from lipstream.bench.machine import fingerprint
from lipstream.bench.speed.corpus import CorpusReport, Driver, Way, measure_corpus

REPORT = CorpusReport(
    fingerprint(),
    "lite",
    "native",
    files=100,
    seconds=10.0,
    rounds=1,
    file_cpu_s=0.02,
    second_cpu_s=0.018,
    ways=[Way("this process", 0, 0.0, 5.0), Way("ray", 2, 3.0, 9.5)],
    drivers=[Driver("processes", 1, 1e-4), Driver("ray", 1, 1e-3), Driver("ray", 16, 2e-4)],
)


def test_the_limit_of_a_cluster_is_its_workers_or_its_driver() -> None:
    lines = REPORT.text().splitlines()
    small, large = (
        next(line.split() for line in lines if line.startswith(f"{nodes} ")) for nodes in (1, 100)
    )
    # 32 cores at 0.2 s a file of 10 s; the driver hands out 5,000 a second.
    assert small == ["1", "10", "160", "5000", "0.4", "102", "workers"]
    assert large == ["100", "10", "16000", "5000", "13.9", "32", "driver"]


def test_without_ray_no_cluster_is_computed() -> None:
    alone = CorpusReport(**{**vars(REPORT), "drivers": REPORT.drivers[:1]})
    assert "not measured (extra 'ray')" in alone.text()


@pytest.mark.slow
def test_each_way_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipstream.bench.speed.corpus.find_spec", lambda name: None)
    monkeypatch.setattr("lipstream.bench.speed.corpus._CALLS", 40)
    told: list[str] = []
    report = measure_corpus("lite", 3, 2, [1], 2, told.append)
    assert [(way.name, way.workers) for way in report.ways] == [("this process", 0), ("processes", 1)]
    assert [(one.name, one.at_once) for one in report.drivers] == [("processes", 1), ("processes", 16)]
    assert all(way.files_per_s > 0 for way in report.ways)
    assert report.second_cpu_s > 0
    assert report.ways[0].times_alone == 1.0
    assert told[:2] == ["round 1 of 2: this process", "round 1 of 2: processes, 1"]
