"""Workers on a Ray cluster of two nodes: the files of enhance, whatever dies on the way."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream import InputError, enhance_file
from lipstream.core.crew import work_through
from lipstream.stream.corpus.cleaner import Cleaner, Job, Row
from lipstream.stream.corpus.on_ray import RayCrew
from lipstream.stream.corpus.run import Tally, plan, run
from lipstream.stream.corpus.settings import Settings
from lipstream.stream.corpus.table import Manifest
from lipstream.tests.stream.waiting import until

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

#: A job of this name kills its worker; one of the other, only the first time.
KILLS, KILLS_ONCE = "talks/broken.mp3", "one.wav"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on this machine, of one core each; the second one is ``cluster.second``."""
    from ray.cluster_utils import Cluster

    # Ray lets its workers wait behind everything else, which takes minutes where other tests run.
    os.environ.setdefault("RAY_worker_niceness", "0")
    small = {"num_cpus": 1, "object_store_memory": 100_000_000}
    two = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    two.second = two.add_node(**small)
    two.wait_for_nodes()
    yield two
    two.shutdown()


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


def assert_files_of_enhance(settings: Settings, folder: Path, count: int) -> None:
    made = settings.target.files()
    assert len(made) == count
    for name in made:
        enhance_file(settings.source.path(name), alone := folder / Path(name).name, runtime=settings.runtime)
        assert Path(settings.target.path(name)).read_bytes() == alone.read_bytes()


def recordings_at(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        soundfile.write(folder / f"more-{number:02}.wav", 0.05 * rng.standard_normal(8_000), 16_000)


def test_dead_actors_lose_nothing_and_the_files_are_those_of_enhance(
    cluster: Any, settings: Settings, tmp_path: Path
) -> None:
    with (
        closing(RayCrew(cluster.address, 2, partial(Fragile, settings, tmp_path))) as crew,
        Manifest(tmp_path / "rows.csv") as manifest,
    ):
        tally = run(settings, plan(settings, {}), manifest, lambda make: crew, most_at_once=3)
    assert (tally.done, tally.failed) == (3, 1)
    assert "its worker died, 2 times" in Manifest(tmp_path / "rows.csv").rows[KILLS].error
    assert_files_of_enhance(settings, tmp_path, 2)


def test_a_killed_driver_is_gone_on_with_where_names_are_relative(
    cluster: Any, settings: Settings, recordings: Path, tmp_path: Path
) -> None:
    recordings_at(recordings, 20)
    command = [sys.executable, "-m", "lipstream", "corpus", "src", "dst", "--runtime", "onnx"]
    command += ["--address", cluster.address, "--manifest", "rows.csv"]
    rows = tmp_path / "rows.csv"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=tmp_path) as first:
        assert until(lambda: rows.is_file() and rows.read_text().count("\n") > 1, 120.0)
        first.send_signal(signal.SIGKILL)
    done = len([row for row in Manifest(rows).rows.values() if not row.error])
    second = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert second.returncode == 2, second.stderr  # of the broken file
    assert f"files done already: {done}, to do: {23 - done}" in second.stderr
    assert "1 failed (column error); rows.csv" in second.stdout
    assert len(Manifest(rows).rows) == 23
    assert_files_of_enhance(settings, tmp_path, 22)


def refuse() -> Callable[[Any], Any]:
    raise InputError("there is no such model")


def test_what_keeps_actors_from_being_ready_is_told(cluster: Any) -> None:
    with (
        closing(RayCrew(cluster.address, 2, refuse)) as crew,
        pytest.raises(InputError, match="there is no such model"),
    ):
        list(work_through(["one", "two"], crew, lambda job, reason: reason))


def test_a_node_that_goes_takes_nothing_with_it(cluster: Any, settings: Settings, tmp_path: Path) -> None:
    """The last one of the cluster: its second node is gone afterwards."""
    recordings_at(Path(settings.source.root), 30)
    gone: list[int] = []

    def pull_the_plug(tally: Tally) -> None:
        if tally.done and not gone:
            gone.append(tally.done)
            cluster.remove_node(cluster.second, allow_graceful=False)

    with closing(RayCrew(cluster.address, 2, partial(Cleaner, settings))) as crew:
        assert len({node["NodeID"] for node in ray.nodes() if node["Alive"]}) == 2
        with Manifest(tmp_path / "rows.csv") as manifest:
            tally = run(settings, plan(settings, {}), manifest, lambda make: crew, 2, pull_the_plug)
    assert gone[0] < 33
    assert (tally.done, tally.failed) == (33, 1)
    assert_files_of_enhance(settings, tmp_path, 32)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:{port}", r"--address 127\.0\.0\.1:\d+: nothing answers there"),
        ("ray://127.0.0.1:{port}", "nothing answers there"),
        ("head", "name ray://HOST:10001, HOST:6379, auto or local"),
    ],
)
def test_a_missing_cluster_is_told_without_asking_ray_which_takes_minutes(address: str, told: str) -> None:
    with socket.socket() as closed:  # bound, but nobody listens
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(InputError, match=told):
            RayCrew(address.format(port=closed.getsockname()[1]), 1, refuse)
