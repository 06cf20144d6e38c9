"""Workers share their numbers: who has the fewest connections takes the next, and all are shown by any."""

import time
from multiprocessing import get_context

from lipstream.stream.serve.table import BUCKETS_S, LOST_AFTER_S, Table


def table_of(*connections: float) -> Table:
    """Of workers that run and have so many connections."""
    table = Table.make(get_context("spawn"), len(connections))
    for worker, count in enumerate(connections):
        row = table.row(worker)
        row["ready"], row["beat"], row["connections"] = 1, time.monotonic(), count
    return table


def test_the_next_connection_is_for_whoever_has_fewest() -> None:
    table = table_of(2, 1, 1)
    assert [table.is_turn_of(worker) for worker in range(3)] == [False, True, True]


def test_a_worker_that_is_gone_or_hangs_keeps_nobody_waiting() -> None:
    table = table_of(2, 0, 0)
    table.row(1).gone()
    table.row(2)["beat"] -= 2 * LOST_AFTER_S
    assert table.is_turn_of(0)


def test_what_was_counted_outlives_the_worker() -> None:
    table = table_of(1, 1)
    table.row(0).add("joined_total", 3)
    table.row(0)["streams"] = 2
    table.row(0).gone()
    assert (table.total("joined_total"), table.total("streams"), table.total("ready")) == (3, 0, 1)


def test_prometheus_gets_every_number_of_every_worker() -> None:
    table = table_of(1, 4)
    for latency_s in (0.0001, BUCKETS_S[0], 0.02, 99.0):
        table.row(1).observe(latency_s)
    lines = table.prometheus().splitlines()
    assert 'lipstream_connections{worker="1"} 4' in lines
    assert 'lipstream_latency_seconds_bucket{worker="1",le="0.001"} 2' in lines
    assert 'lipstream_latency_seconds_bucket{worker="1",le="1.0"} 3' in lines
    assert 'lipstream_latency_seconds_bucket{worker="1",le="+Inf"} 4' in lines
    assert 'lipstream_latency_seconds_count{worker="1"} 4' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(line.startswith(("#", "lipstream_")) for line in lines)
    assert "beat" not in table.prometheus()
