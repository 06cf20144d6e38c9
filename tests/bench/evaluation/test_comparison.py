"""Paired tests: hand-computed values, SciPy's own, and what cannot be compared."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from lipstream.bench.evaluation.comparison import (
    compare_paired,
    compare_results,
    only_signal,
    signal_pairs,
    unmatched,
)
from lipstream.bench.evaluation.results import Record, Results
from lipstream.bench.report.text import comparison_table
from lipstream.errors import InputError


def results(signals: Mapping[str, Sequence[float]]) -> Results:
    count = len(next(iter(signals.values())))
    items = [
        Record(f"n{place}", "noise", 0.0, {name: {"estoi": row[place]} for name, row in signals.items()})
        for place in range(count)
    ]
    return Results({}, {}, items)


def test_differences_of_1_2_3_give_the_values_that_a_hand_computes():
    entry = compare_paired("estoi", [1.0, 1.0, 1.0], [2.0, 3.0, 4.0])
    assert (entry.count, entry.mean_a, entry.mean_b, entry.difference) == (3, 1.0, 3.0, 2.0)
    assert entry.cohens_d == pytest.approx(2.0)  # mean 2, standard deviation 1
    assert entry.t == pytest.approx(2.0 * math.sqrt(3))
    assert entry.ci95 == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), abs=1e-5)
    assert entry.w == 0.0  # no negative ranks
    assert entry.p_w == pytest.approx(2 / 2**3)  # two of the eight signs are as extreme


def test_the_tests_are_scipys():
    a, b = np.random.default_rng(0).standard_normal((2, 40))
    entry = compare_paired("estoi", list(a), list(b + 0.4))
    assert entry.p_t == pytest.approx(stats.ttest_rel(b + 0.4, a).pvalue)
    assert entry.p_w == pytest.approx(stats.wilcoxon(b + 0.4, a).pvalue)


def test_equal_results_do_not_differ():
    entry = compare_paired("estoi", [1.0, 2.0], [1.0, 2.0])
    assert (entry.difference, entry.p_w) == (0.0, 1.0)
    assert math.isnan(entry.p_t)


def test_one_pair_has_a_difference_and_no_test():
    entry = compare_paired("estoi", [1.0], [2.0])
    assert entry.difference == 1.0
    assert math.isnan(entry.t + entry.cohens_d)


def test_recordings_are_matched_by_name_and_undefined_scores_left_out():
    a, b = results({"x": [0.1, 0.2, math.nan]}), results({"y": [0.3, 0.5, 0.7, 0.9]})
    (entry,) = compare_results(a, b, "x", "y")
    assert (entry.metric, entry.count) == ("estoi", 2)
    assert entry.difference == pytest.approx(0.25)
    assert entry.undefined == 1
    assert "ESTOI  2 of 3" in comparison_table([entry])
    assert unmatched(a, b, "x", "y") == "1 recordings only in B"


def test_all_signals_of_a_file_can_be_compared_in_pairs():
    peers = results({"noisy": [0.1, 0.2], "RNNoise": [0.2, 0.4], "DTLN": [0.3, 0.3]})
    assert signal_pairs(peers) == [("noisy", "RNNoise"), ("noisy", "DTLN"), ("RNNoise", "DTLN")]
    elsewhere = Record("z", "noise", 0.0, {"lite": {"estoi": 0.5}})
    assert signal_pairs(Results({}, {}, [*peers.items, elsewhere])) == signal_pairs(peers)
    (entry,) = compare_results(peers, peers, "RNNoise", "DTLN")
    assert entry.difference == pytest.approx(0.0)


def test_what_cannot_be_compared_is_told():
    a, b = results({"x": [0.1]}), results({"y": [0.3]})
    with pytest.raises(InputError, match="no signal 'z': choose from x"):
        compare_results(a, b, "z", "y")
    with pytest.raises(InputError, match="pesq_wb"):
        compare_results(a, b, "x", "y", ["pesq_wb"])
    elsewhere = Results({}, {}, [Record("other", "noise", 0.0, {"y": {"estoi": 0.3}})])
    with pytest.raises(InputError, match="no recording in common"):
        compare_results(a, elsewhere, "x", "y")


def test_the_signal_may_be_left_out_where_there_is_only_one():
    assert only_signal(results({"noisy": [0.1], "x": [0.2]}), "A") == "x"
    with pytest.raises(InputError, match="A holds the signals x, y"):
        only_signal(results({"x": [0.1], "y": [0.2]}), "A")
