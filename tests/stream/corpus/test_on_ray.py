"""Workers on a Ray cluster of this machine: the files of enhance, whatever dies on the way."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from lipstream import InputError, enhance_file
from lipstream.core.crew import work_through
from lipstream.stream.corpus.cleaner import Cleaner, Job, Row
from lipstream.stream.corpus.on_ray import RayCrew
from lipstream.stream.corpus.run import plan, run
from lipstream.stream.corpus.settings import Settings
from lipstream.stream.corpus.table import Manifest

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

#: A cluster to test on; by default one that each test starts.
ADDRESS = os.environ.get("LIPSTREAM_RAY", "local")
#: A job of this name kills its worker; one of the other, only the first time.
KILLS, KILLS_ONCE = "talks/broken.mp3", "one.wav"


class Fragile(Cleaner):
    """Dies with its process over some recordings, as with a codec that crashes."""

    def __init__(self, settings: Settings, marks: Path) -> None:
        super().__init__(settings)
        self._marks = marks

    def __call__(self, job: Job) -> Row:
        mark = self._marks / "died"
        if job.name == KILLS or (job.name == KILLS_ONCE and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(job)


@pytest.fixture
def crew_of_fragile(settings: Settings, tmp_path: Path) -> Iterator[RayCrew]:
    with closing(RayCrew(ADDRESS, 1, partial(Fragile, settings, tmp_path))) as crew:
        yield crew


def test_dead_actors_lose_nothing_and_the_files_are_those_of_enhance(
    settings: Settings, crew_of_fragile: RayCrew, tmp_path: Path
) -> None:
    with Manifest(tmp_path / "rows.csv") as manifest:
        tally = run(settings, plan(settings, {}), manifest, lambda make: crew_of_fragile, most_at_once=3)
    assert (tally.done, tally.failed) == (3, 1)
    assert "its worker died, 2 times" in Manifest(tmp_path / "rows.csv").rows[KILLS].error
    for name in settings.target.files():
        alone = tmp_path / Path(name).name
        enhance_file(settings.source.path(name), alone, runtime=settings.runtime)
        assert Path(settings.target.path(name)).read_bytes() == alone.read_bytes()
    assert len(settings.target.files()) == 2


def refuse() -> None:
    raise InputError("there is no such model")


def test_what_keeps_actors_from_being_ready_and_a_missing_cluster_are_told() -> None:
    with (
        closing(RayCrew(ADDRESS, 1, refuse)) as crew,  # type: ignore[arg-type]
        pytest.raises(InputError, match="there is no such model"),
    ):
        list(work_through(["job"], crew, lambda job, reason: reason))
    with pytest.raises(InputError, match=r"127\.0\.0\.1:1: no Ray cluster is there"):
        RayCrew("127.0.0.1:1", 1, refuse)  # type: ignore[arg-type]
