"""Builds C++ sources with the system's compiler on first use and keeps the libraries in the user's cache."""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

#: Where the sources lie.
SOURCES = Path(__file__).with_name("cpu")

_FAST = ("-O3", "-ffast-math", "-std=c++17", "-fPIC")
_X86 = ("-mprefer-vector-width=512",) if platform.machine() in {"x86_64", "AMD64"} else ()
_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


class BuildError(RuntimeError):
    """A library can't be built here; the message says why, in a few words."""


def library(source: str, flags: Sequence[str] = (), libraries: Sequence[str] = ()) -> ctypes.CDLL:
    """The library of a source in `SOURCES`, compiled for this processor unless that was done before.

    The environment variable ``LIPSTREAM_MARCH`` names another processor for the compiler's ``-march``, such
    as ``x86-64-v3`` (AVX2) on one that has AVX-512.

    Args:
        source: of the file, relative to `SOURCES`; it names its headers relative to itself.
        flags: more flags of the compiler, such as macros.
        libraries: what the linker needs.

    Raises:
        BuildError: there is no compiler, it fails, or the cache cannot be written.
    """
    plan = _plan(source, flags, libraries)
    try:
        if not plan.built.exists():
            plan.built.parent.mkdir(parents=True, exist_ok=True)
            with _alone(plan.built):
                if not plan.built.exists():
                    _build(plan)
        return ctypes.CDLL(str(plan.built))
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{plan.link[0]} fails on {source}") from error
    except OSError as error:
        raise BuildError(f"{plan.built.parent} does not hold a library: {error}") from error


def is_built(source: str, flags: Sequence[str] = (), libraries: Sequence[str] = ()) -> bool:
    """Whether `library` would find what it needs in the cache, so that it comes at once."""
    try:
        return _plan(source, flags, libraries).built.exists()
    except BuildError:
        return False


class _Plan(NamedTuple):
    """The commands that make a library, but for where they write to, and the library."""

    compilation: list[str]
    link: list[str]
    built: Path


def _plan(source: str, flags: Sequence[str], libraries: Sequence[str]) -> _Plan:
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise BuildError("no C++ compiler")
    path = SOURCES / source
    flags = [*_FAST, f"-march={os.environ.get('LIPSTREAM_MARCH', 'native')}", *_X86, *flags]
    compilation = [compiler, *flags, "-c", str(path)]
    # Apart, without -ffast-math: with it the library would make whoever loads it flush denormals to zero.
    link = [compiler, "-shared", *libraries]
    parts = [*_contents(path), *flags, *link, _processor()]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return _Plan(compilation, link, _cache_folder() / f"{path.stem}-{key}.so")


def _build(plan: _Plan) -> None:
    """Compile and link; the library appears whole or not at all."""
    compilation, link, built = plan
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        compiled, linked = f"{folder}/compiled.o", Path(folder, built.name)
        for command in ([*compilation, "-o", compiled], [*link, compiled, "-o", str(linked)]):
            subprocess.run(command, capture_output=True, check=True)
        linked.replace(built)


@contextmanager
def _alone(built: Path) -> Iterator[None]:
    """One process at a time builds a library: others, such as ranks of a training, wait and find it there."""
    if sys.platform == "win32":  # each builds it
        yield
    else:
        path = built.with_suffix(".lock")
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)  # who comes now finds the library, or builds it as well: no harm


def _contents(path: Path) -> list[str]:
    """The texts of a source and of all headers of ours that it includes, from whichever folder."""
    texts: dict[Path, str] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in texts:
            texts[file] = file.read_text()
            waiting += [(file.parent / name).resolve() for name in _INCLUDE.findall(texts[file])]
    return list(texts.values())


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lipstream"


def _processor() -> str:
    """What ``-march=native`` depends on: a library built for another processor must not be loaded."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return ""
    return next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
