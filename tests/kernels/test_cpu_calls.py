"""The compiled CPU kernels: whom they serve, how they are built, and life without them."""

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lipstream.kernels import build, cpu_calls
from lipstream.kernels.build import BuildError
from lipstream.kernels.cpu_conv import frequency_conv


@pytest.fixture
def compiled() -> None:
    if not cpu_calls.available():
        pytest.skip("no C++ compiler builds the kernels here")


@pytest.fixture
def unloaded() -> Iterator[None]:
    """The libraries are looked for anew in the test, and again after it."""
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
def test_without_a_compiler_they_are_not_available_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
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


@pytest.fixture
def conv_inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, generator=generator) for shape in ((1, 16, 3, 40), (16, 16, 1, 3)))
    return x, weight, torch.zeros(16)


def rounded_conv(inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    with cpu_calls.bfloat16_products():
        return frequency_conv(*inputs, 1, 1)


@pytest.mark.usefixtures("compiled")
def test_products_are_rounded_where_it_is_asked_for_and_there_is_amx(
    conv_inputs: tuple[Tensor, Tensor, Tensor],
) -> None:
    exact = frequency_conv(*conv_inputs, 1, 1)
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    if "amx_bf16" not in flags:
        pytest.skip("this processor has no AMX")
    error = (rounded_conv(conv_inputs) - exact).norm() / exact.norm()
    assert 1e-4 < error < 1e-2
    with cpu_calls.bfloat16_products(), cpu_calls.bfloat16_products(False):
        assert torch.equal(frequency_conv(*conv_inputs, 1, 1), exact)
    assert torch.equal(frequency_conv(*conv_inputs, 1, 1), exact)


@pytest.mark.usefixtures("compiled")
def test_without_amx_nothing_is_rounded(
    monkeypatch: pytest.MonkeyPatch, conv_inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    if platform.machine() not in {"x86_64", "AMD64"}:
        pytest.skip("a compiler for other processors knows no AMX to leave out")
    plain = {
        name: build.library(f"{name}.cpp", flags=("-mno-amx-bf16",))
        for name in ("mixer_bfloat16", "conv_bfloat16")
    }
    assert plain["mixer_bfloat16"].mixer_rounds(None) == plain["conv_bfloat16"].conv_rounds(None) == 0
    exact, library_of = frequency_conv(*conv_inputs, 1, 1), cpu_calls._library
    monkeypatch.setattr(cpu_calls, "_library", lambda name: plain.get(name) or library_of(name))
    assert torch.equal(rounded_conv(conv_inputs), exact)


@pytest.mark.usefixtures("compiled")
def test_where_rounded_products_do_not_compile_they_are_exact(
    monkeypatch: pytest.MonkeyPatch, conv_inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    exact, library_of = frequency_conv(*conv_inputs, 1, 1), cpu_calls._library
    failing = {"conv_bfloat16": BuildError("an old compiler")}
    monkeypatch.setattr(cpu_calls, "_library", lambda name: failing.get(name) or library_of(name))
    assert torch.equal(rounded_conv(conv_inputs), exact)
