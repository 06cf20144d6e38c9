"""Which levels of processors a computer runs: a pure function of what it says of itself."""

import platform
import shutil
import subprocess

import pytest

from lipstream.kernels.processors import levels, runnable, runnable_here

V2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3 sse2 fpu"
V3 = f"{V2} abm avx avx2 bmi1 bmi2 f16c fma movbe"
V4 = f"{V3} avx512bw avx512cd avx512dq avx512f avx512vl avx512_vnni"


@pytest.mark.parametrize(
    ("machine", "flags", "best"),
    [
        ("x86_64", V4, "x86-64-v4"),
        ("x86_64", V3, "x86-64-v3"),
        ("AMD64", V3, "x86-64-v3"),
        ("x86_64", V4.replace("avx512vl", ""), "x86-64-v3"),
        ("x86_64", V4.replace("avx2", ""), "x86-64-v2"),  # a level builds on those below it
        ("x86_64", V2, "x86-64-v2"),
        ("x86_64", "sse2 fpu", None),
        ("x86_64", None, "x86-64-v2"),
        ("aarch64", "", "armv8-a"),
        ("arm64", None, "armv8-a"),
        ("riscv64", None, None),
        ("riscv64", "", None),
    ],
)
def test_the_best_level_is_the_highest_of_which_nothing_is_missing(
    machine: str, flags: str | None, best: str | None
) -> None:
    found = runnable(machine, None if flags is None else frozenset(flags.split()))
    assert next(iter(found), None) == best


def test_the_levels_of_an_architecture_go_down() -> None:
    assert levels("x86_64") == ("x86-64-v4", "x86-64-v3", "x86-64-v2")
    assert levels("riscv64") == ()


def test_this_computer_runs_what_the_dynamic_linker_says_it_runs() -> None:
    linker = shutil.which("ld.so")
    if linker is None or platform.machine() != "x86_64":
        pytest.skip("no linker that tells levels")
    told = subprocess.run([linker, "--help"], capture_output=True, text=True).stdout
    wanted = [name for name in levels() if f"{name} (supported" in told]
    assert list(runnable_here()) == wanted
