"""Triton's kernels compiled ahead of time for GPUs that need not be here: no spills, few registers.

Compiled code lies in pytest's cache under a key of its source, so that only changed kernels compile again.
"""

import importlib.util
import inspect
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lipstream.kernels.dispatch import MOST_NUMBERS
from lipstream.kernels.triton import conv, mamba1, mamba2, norm, ops

#: Of the GPUs that are compiled for, the first of each kind: A100, H100, B200.
ARCHITECTURES = [80, 90, 100]
#: These run the code of sm_80, assembled for themselves: RTX 30 and RTX 40.
ASSEMBLED = [86, 89]
#: More than that, and fewer than two programs of 256 threads fit a multiprocessor.
MOST_REGISTERS = 128
TOOLS = Path(triton.__file__).with_name("backends") / "nvidia" / "bin"


class Case(NamedTuple):
    """A kernel at sizes of the presets, or at the largest that the dispatch allows."""

    kernel: Any
    sizes: dict[str, int]
    warps: int = 4

    @property
    def source(self) -> ASTSource:
        kinds = {int: "i32", float: "fp32", triton.language.constexpr: "constexpr"}
        parameters = inspect.signature(self.kernel.fn).parameters.values()
        signature = {p.name: kinds.get(p.annotation, "*fp32") for p in parameters}
        return ASTSource(fn=self.kernel, signature=signature, constexprs=self.sizes, attrs=None)


_SCAN = {"D": 256, "N": 16, "RANK": 4, "BLOCK_D": ops.SCAN_CHANNELS, "BLOCK_N": 16, "BLOCK_RANK": 4}
_ALONG = {"BLOCK_L": ops.CONV_POSITIONS, "BLOCK_C": ops.CONV_CHANNELS}
_LARGEST = {"E": MOST_NUMBERS // 16, "N": 16, "P": 16, "BLOCK_E": MOST_NUMBERS // 16, "BLOCK_N": 16}
_BOTH = {"E": 96, "N": 16, "P": 16, "BLOCK": ops.BOTH_POSITIONS, "BLOCK_L": 256, "BLOCK_N": 16, "BLOCK_P": 16}
CASES = {
    "conv step": Case(conv.conv_step_kernel, {"D": 256, "K": 4, "BLOCK_D": 256}),
    "conv": Case(conv.conv_kernel, {"STRIDE": 512, "CHANNELS": 256, "K": 4, **_ALONG}),
    "mamba-1 step": Case(mamba1.step_kernel, _SCAN, warps=1),
    "mamba-1 both": Case(mamba1.scan_both_kernel, _SCAN, warps=1),
    "mamba-2 step": Case(mamba2.step_kernel, {**_LARGEST, "K": 4}, warps=8),
    "mamba-2 both": Case(mamba2.both_kernel, _BOTH),
    "gated norm": Case(norm.gated_norm_kernel, {"STRIDE_Z": 230, "E": 96, "BLOCK_E": 128}),
    "frame norm": Case(norm.frame_norm_kernel, {"C": 48, "F": 201, "BLOCK_F": 256}),
}


@pytest.fixture(scope="module")
def compiled(pytestconfig: pytest.Config) -> Iterator[Callable[[str, int], Any]]:
    """Compiles a case for an architecture, once."""
    with pytest.MonkeyPatch.context() as patch:
        if pytestconfig.cache is not None:
            patch.setenv("TRITON_CACHE_DIR", str(pytestconfig.cache.mkdir("triton")))
        patch.setenv("TRITON_DEFAULT_FP_FUSION", "1")

        def compile_case(name: str, architecture: int) -> Any:
            target = GPUTarget("cuda", architecture, 32)
            return triton.compile(CASES[name].source, target, {"num_warps": CASES[name].warps})

        yield compile_case


def resources(cubin: bytes, folder: Path) -> dict[str, int]:
    """What the kernel in a binary takes of each kind of memory, in registers of 4 bytes or in bytes."""
    path = folder / "kernel.cubin"
    path.write_bytes(cubin)
    command = [str(TOOLS / "cuobjdump"), "--dump-resource-usage", str(path)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {kind: int(count) for kind, count in re.findall(r"(REG|STACK|LOCAL|SHARED):(\d+)", report)}


def assert_lean(cubin: bytes, folder: Path) -> None:
    taken = resources(cubin, folder)
    assert taken["LOCAL"] == taken["STACK"] == 0, f"registers spill: {taken}"  # spills lie on the stack
    assert 0 < taken["REG"] <= MOST_REGISTERS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", CASES)
def test_kernels_fit_their_registers(
    compiled: Callable[[str, int], Any], name: str, architecture: int, tmp_path: Path
) -> None:
    assert_lean(compiled(name, architecture).asm["cubin"], tmp_path)


@pytest.mark.parametrize("architecture", ASSEMBLED)
@pytest.mark.parametrize("name", CASES)
def test_they_fit_where_they_are_only_assembled(
    compiled: Callable[[str, int], Any], name: str, architecture: int, tmp_path: Path
) -> None:
    code, cubin = tmp_path / "kernel.ptx", tmp_path / "assembled.cubin"
    code.write_text(compiled(name, 80).asm["ptx"])
    subprocess.run([TOOLS / "ptxas", f"-arch=sm_{architecture}", code, "-o", cubin], check=True)
    assert_lean(cubin.read_bytes(), tmp_path)
