"""Damaged files of every kind: samples or one clear line. `fuzz.py` runs thousands."""

from pathlib import Path

import numpy as np
import pytest

from lipstream.tests.stream.media.fuzz import KINDS, mutated, outcome, run, samples


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return samples(tmp_path_factory.mktemp("originals"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_whole_is_read_without_a_word(
    kind: str, originals: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"whole.{kind}"
    path.write_bytes(originals[kind])
    assert outcome(path) == "read"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", KINDS)
def test_damage_ends_in_samples_or_in_one_clear_line(
    kind: str, originals: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"damaged.{kind}"
    for seed in range(6):
        path.write_bytes(mutated(originals[kind], np.random.default_rng(seed)))
        outcome(path)
    assert capfd.readouterr().err == ""


def test_the_long_run_finds_what_must_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> str:
        raise IndexError

    monkeypatch.setattr("lipstream.tests.stream.media.fuzz.outcome", broken)
    assert [result for _, result in run(2, 0)] == ["FAULT", "FAULT"]
