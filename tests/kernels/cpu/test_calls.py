"""The compiled CPU kernels: whom they serve, how they are built, and life without them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lipstream.kernels.build import BuildError
from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu.conv import frequency_conv


@pytest.fixture
def compiled() -> None:
    if not cpu_calls.available():
        pytest.skip("no C++ compiler builds the kernels here")


@pytest.fixture
def unloaded() -> Iterator[None]:
    """The libraries are looked for again in the test, and again after it."""
    cpu_calls._library.cache_clear()
    yield
    cpu_calls._library.cache_clear()


@pytest.mark.usefixtures("compiled")
def test_the_libraries_leave_the_arithmetic_of_their_process_alone() -> None:
    """A library linked with -ffast-math would make the whole process flush denormal numbers to zero."""
    assert (torch.tensor(1e-40) * 1.0).item() > 0.0


@pytest.mark.usefixtures("compiled")
def test_they_serve_full_precision_on_cpu_only() -> None:
    assert cpu_calls.serves(torch.zeros(1))
    assert cpu_calls.serves(torch.zeros(1, dtype=torch.float64))
    assert not cpu_calls.serves(torch.zeros(1, dtype=torch.bfloat16))
    assert not cpu_calls.serves(torch.zeros(1, device="meta"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not cpu_calls.serves(torch.zeros(1))


@pytest.mark.usefixtures("unloaded")
def test_without_a_compiler_they_are_not_available_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # what was compiled before serves as well
    assert not cpu_calls.available()
    with pytest.raises(BuildError, match="torch reference"):
        frequency_conv(torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 1, 3), torch.zeros(1), 1, 1)


@pytest.mark.usefixtures("unloaded")
def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "c++"
    broken.write_text('#!/bin/sh\nfor output; do :; done\necho half > "$output"\nexit 1\n')
    broken.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_: str(broken))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert not cpu_calls.available()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("unloaded")
def test_a_cache_that_cannot_be_written_means_no_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    assert not cpu_calls.available()
