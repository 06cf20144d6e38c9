"""Test sets of one's own: the same for the same seed, at the ratios of their list, read by evaluate."""

from pathlib import Path

import numpy as np
import pytest

from lipstream.bench.data.custom import ManifestPairs
from lipstream.errors import InputError
from lipstream.train.data.corpus import Corpus, read_corpus, read_library
from lipstream.train.mixing.fixed_set import make_set
from lipstream.train.plans import SetPlan


@pytest.fixture
def corpus(data: Path, tmp_path: Path) -> Corpus:
    return read_corpus(read_library(str(data)), tmp_path / "cache")


def quiet(done: float, total: float) -> None:
    assert 0 < done <= total


def test_evaluate_reads_mixtures_at_their_ratios(corpus: Corpus, tmp_path: Path) -> None:
    kinds = ("noise", "talker", "clean")
    plan = SetPlan(tmp_path / "set", kinds, (-5.0, 10.0), each=2, seconds=0.5)
    items = list(ManifestPairs(make_set(plan, corpus, quiet)))
    assert len(items) == 2 * (2 + 2 + 1)
    assert {item.condition for item in items} == set(kinds)
    for item in items:
        assert item.noisy.shape == item.clean.shape == (8000,)
        left = item.noisy - item.clean
        if item.condition == "clean":
            assert np.isnan(item.snr_db)
            assert not left.any()
        else:
            snr_db = 10 * np.log10(np.sum(item.clean**2) / np.sum(left**2))
            assert snr_db == pytest.approx(item.snr_db, abs=0.1)


def test_the_seed_decides_everything(corpus: Corpus, tmp_path: Path) -> None:
    def made(name: str, seed: int) -> list[bytes]:
        plan = SetPlan(tmp_path / name, ("noise",), (0.0,), each=2, seconds=0.5, seed=seed)
        make_set(plan, corpus, quiet)
        return [path.read_bytes() for path in sorted(plan.folder.rglob("*.*"))]

    assert made("one", 1) == made("two", 1)
    assert made("three", 2) != made("one again", 1)


def test_rooms_are_heard_where_they_are_asked_for(corpus: Corpus, tmp_path: Path) -> None:
    plans = [SetPlan(tmp_path / str(share), ("clean",), rooms=share, seconds=0.5) for share in (0.0, 1.0)]
    dry, wet = (list(ManifestPairs(make_set(plan, corpus, quiet))) for plan in plans)
    assert not any(np.array_equal(one.clean, other.clean) for one, other in zip(dry, wet, strict=True))
    with pytest.raises(InputError, match="no rooms to be heard in: name a folder of impulse responses"):
        make_set(SetPlan(tmp_path / "no", rooms=0.5), Corpus(corpus.speech, corpus.noise, ()), quiet)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kinds": ("rain",)}, "no kind 'rain': choose of noise, babble"),
        ({"kinds": ()}, "at least"),
        ({"each": 0}, "at least"),
        ({"seconds": 0.0}, "seconds must be above 0"),
        ({"rooms": 2.0}, "rooms must be from 0 to 1"),
    ],
)
def test_impossible_plans_are_refused(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        SetPlan(tmp_path, **changes)  # type: ignore[arg-type]


def test_one_voice_alone_is_no_babble_and_other_files_stay(corpus: Corpus, tmp_path: Path) -> None:
    alone = Corpus(corpus.speech[:1], corpus.noise, ())
    with pytest.raises(InputError, match="need a second speaker"):
        make_set(SetPlan(tmp_path / "set"), alone, quiet)
    with pytest.raises(InputError, match="is there and not empty"):
        make_set(SetPlan(tmp_path), corpus, quiet)
