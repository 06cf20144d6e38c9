"""Builds C++ sources with the system's compiler on first use and keeps the libraries in the user's cache."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

#: Where the sources lie.
SOURCES = Path(__file__).with_name("cpu")

_FAST = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-std=c++17", "-fPIC")
_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


class BuildError(RuntimeError):
    """A library can't be built here; the message says why, in a few words."""


def library(source: str, flags: Sequence[str] = (), libraries: Sequence[str] = ()) -> ctypes.CDLL:
    """The library of a source in `SOURCES`, compiled for this processor unless that was done before.

    Args:
        source: name of the file; its headers lie beside it.
        flags: more flags of the compiler, such as macros.
        libraries: what the linker needs.

    Raises:
        BuildError: there is no compiler, it fails, or the cache cannot be written.
    """
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise BuildError("no C++ compiler")
    path = SOURCES / source
    compilation = [compiler, *_FAST, *flags, "-c", str(path)]
    # Linked apart, without -ffast-math: with it the library would make whoever loads it flush denormals to zero.
    link = [compiler, "-shared", *libraries]
    parts = [*_contents(path), *_FAST, *flags, *link, _processor()]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    built = _cache_folder() / f"{path.stem}-{key}.so"
    try:
        if not built.exists():
            _build(compilation, link, built)
        return ctypes.CDLL(str(built))
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{compiler} fails on {source}") from error
    except OSError as error:
        raise BuildError(f"{built.parent} does not hold a library: {error}") from error


def _build(compilation: list[str], link: list[str], built: Path) -> None:
    """Compile and link; ``built`` appears whole or not at all."""
    built.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        compiled, linked = f"{folder}/compiled.o", Path(folder, built.name)
        for command in ([*compilation, "-o", compiled], [*link, compiled, "-o", str(linked)]):
            subprocess.run(command, capture_output=True, check=True)
        linked.replace(built)


def _contents(path: Path) -> list[str]:
    """The texts of a source and of all headers that it includes from its folder."""
    texts: dict[Path, str] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in texts:
            texts[file] = file.read_text()
            waiting += [file.with_name(name) for name in _INCLUDE.findall(texts[file])]
    return list(texts.values())


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lipstream"


def _processor() -> str:
    """What ``-march=native`` depends on: a library built for another processor must not be loaded."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return ""
    return next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
