"""A corpus from one bucket into another, on a server of this machine that speaks S3."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream import InputError, enhance_file
from lipstream.stream.corpus.run import Tally, plan
from lipstream.stream.corpus.settings import Settings
from lipstream.stream.corpus.table import Manifest
from lipstream.stream.corpus.trees import Tree
from lipstream.tests.stream.waiting import until

s3fs = pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")  # pip install "moto[s3]" flask flask-cors
pytestmark = pytest.mark.slow

ONE, TWO, BROKEN = "one.wav", "talks/late/two.flac", "talks/broken.mp3"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the server answers."""
    moto = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def buckets(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file system, with an empty bucket ``noisy`` and one ``clean``."""
    variables = {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in {**variables, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    for bucket in ("noisy", "clean"):
        system.mkdir(bucket)
    yield system
    for bucket in ("noisy", "clean"):
        system.rm(bucket, recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def there(buckets: Any, settings: Settings, recordings: Path) -> Settings:
    """From one bucket into the other."""
    for path in filter(Path.is_file, recordings.rglob("*")):
        buckets.put_file(str(path), f"noisy/talks/{path.relative_to(recordings).as_posix()}")
    return replace(settings, source=Tree("s3://noisy/talks"), target=Tree("s3://clean/talks"))


@pytest.mark.usefixtures("pass_through_model")
def test_outputs_are_those_of_enhance_and_are_not_made_again(
    there: Settings, buckets: Any, recordings: Path, clean: Callable[..., Tally], tmp_path: Path
) -> None:
    tally = clean(there, rows := tmp_path / "rows.csv")
    assert (tally.done, tally.failed) == (3, 1)
    assert [*there.target.files()] == [ONE, TWO]
    for name in (ONE, TWO):
        enhance_file(recordings / name, alone := tmp_path / Path(name).name)
        assert buckets.cat(f"clean/talks/{name}") == alone.read_bytes()
    assert sorted(buckets.find("clean")) == [
        f"clean/talks/{name}" for name in (ONE, TWO)
    ]  # nothing half written
    manifest = Manifest(rows)
    assert [job.name for job in plan(there, manifest.rows).jobs] == [BROKEN]
    buckets.rm(f"clean/talks/{ONE}")
    buckets.put_file(str(recordings / ONE), f"noisy/talks/{TWO}")  # another recording under that name
    assert [job.name for job in plan(there, manifest.rows).jobs] == [ONE, BROKEN, TWO]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
def test_a_killed_run_is_gone_on_with(buckets: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(12):
        soundfile.write(path := tmp_path / f"{number:02}.wav", 0.05 * rng.standard_normal(16_000), 16_000)
        buckets.put_file(str(path), f"noisy/{path.name}")
    command = [sys.executable, "-m", "lipstream", "corpus", "s3://noisy", "s3://clean", "--workers", "2"]
    command += ["--runtime", "onnx", "--manifest", str(rows := tmp_path / "rows.csv")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        assert until(lambda: rows.is_file() and rows.read_text().count("\n") > 2)
        first.send_signal(signal.SIGKILL)
    buckets.invalidate_cache()
    done = {name: buckets.info(f"clean/{name}")["LastModified"] for name in Manifest(rows).rows}
    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert f"files done already: {len(done)}, to do: {12 - len(done)}" in second.stderr
    buckets.invalidate_cache()
    assert {name: buckets.info(f"clean/{name}")["LastModified"] for name in done} == done
    for number in range(12):
        enhance_file(tmp_path / f"{number:02}.wav", alone := tmp_path / "alone.wav", runtime="onnx")
        assert buckets.cat(f"clean/{number:02}.wav") == alone.read_bytes()


@pytest.mark.usefixtures("buckets")
def test_a_bucket_that_is_not_there_is_told(settings: Settings) -> None:
    with pytest.raises(InputError, match="nosuch"):
        plan(replace(settings, source=Tree("s3://nosuch/talks")), {})
