"""Fixtures shared by the whole suite."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

# Small tensors: a second thread costs more than it gives, the more so where other work shares the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the checkout (or in LIPSTREAM_DATA); skips where it is absent."""
    folder = Path(os.environ.get("LIPSTREAM_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "test" / "audio.csv").is_file():
        pytest.skip("no recordings for testing: put them in ../shared/data or point LIPSTREAM_DATA at them")
    return folder


@pytest.fixture
def small_disk() -> Callable[[int], AbstractContextManager[None]]:
    """While it is entered, no file of this process grows beyond so many bytes: as on a full disk.

    To be left before the test ends: the report of pytest itself may be a larger file.
    """
    resource = pytest.importorskip("resource")

    @contextmanager
    def limited(limit_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
