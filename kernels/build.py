"""C++ sources as libraries: shipped with the package, in the user's cache, or compiled into it on first use.

What is shipped is compiled with the wheel (setup.py), for the levels of processors in `processors`; what is
compiled here, for this very processor. A library is named by all that it is made of, so one of other sources
is never taken. Only the standard library at import, for setup.py uses this before anything is installed.
"""

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

from . import processors

#: Where the sources lie, and what setup.py compiled of them.
SOURCES = Path(__file__).with_name("cpu")
SHIPPED = SOURCES / "shipped"

_FLAGS = ("-O3", "-ffast-math", "-std=c++17", "-fPIC")
#: In -march: this very processor.
_NATIVE = "native"
_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


class BuildError(RuntimeError):
    """A library can't be built here; the message says why, in a few words."""


class Code(NamedTuple):
    """What a library is compiled from.

    Attributes:
        source: of the file, relative to `SOURCES`; it names its headers relative to itself.
        flags: more flags of the compiler, such as macros.
        libraries: what the linker needs.
    """

    source: str
    flags: Sequence[str] = ()
    libraries: Sequence[str] = ()

    def file_name(self, march: str) -> str:
        """Of its library for a processor, as ``-march`` names it: another one for any change."""
        path = SOURCES / self.source
        processor = processors.flags_line() if march == _NATIVE else ""
        parts = [*_contents(path), *_march_flags(march), *self.flags, *self.libraries, processor]
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return f"{path.stem}-{march}-{key}.so"


def library(code: Code) -> ctypes.CDLL:
    """The library, compiled for this processor unless it was shipped or compiled before.

    The environment variable ``LIPSTREAM_MARCH`` names another processor for the compiler's ``-march``, such
    as ``x86-64-v3`` (AVX2) on one that has AVX-512.

    Raises:
        BuildError: it must be compiled, and there is no compiler, it fails, or the cache cannot be written.
    """
    built = find(code)
    try:
        if built is None:
            march = os.environ.get("LIPSTREAM_MARCH", _NATIVE)
            compiler = find_compiler()
            if compiler is None:
                raise BuildError("no C++ compiler")
            built = _cache_folder() / code.file_name(march)
            built.parent.mkdir(parents=True, exist_ok=True)
            with _alone(built):
                if not built.exists():
                    compile_to(built, code, march, compiler)
        return ctypes.CDLL(str(built))
    except OSError as error:
        raise BuildError(f"{built and built.parent} does not hold a library: {error}") from error


def find(code: Code) -> Path | None:
    """The library that `library` gives without compiling anything; None where it must compile."""
    asked = os.environ.get("LIPSTREAM_MARCH")
    for march in (asked,) if asked else processors.runnable_here():
        if _loads(shipped := SHIPPED / code.file_name(march)):
            return shipped
    cached = _cache_folder() / code.file_name(asked or _NATIVE)
    return cached if _loads(cached) else None


def find_compiler() -> str | None:
    """The path of the system's C++ compiler."""
    return shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def compile_to(target: Path, code: Code, march: str, compiler: str, link_flags: Sequence[str] = ()) -> None:
    """Compile and link a library; it appears whole or not at all.

    Args:
        target: the file to write, in a folder that is there.
        code: to compile.
        march: the processor, as ``-march`` names it.
        compiler: path of it.
        link_flags: how to link, beyond what the code needs.

    Raises:
        BuildError: the compiler fails.
        OSError: the file cannot be written.
    """
    flags = [*_march_flags(march), *code.flags]
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        compiled, linked = f"{folder}/compiled.o", Path(folder, target.name)
        # Apart, without -ffast-math: with it the library would make whoever loads it flush denormals to zero.
        for command in (
            [compiler, *flags, "-c", str(SOURCES / code.source), "-o", compiled],
            [compiler, "-shared", *link_flags, compiled, *code.libraries, "-o", str(linked)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            if done.returncode != 0:
                raise BuildError(f"{compiler} fails on {code.source}") from RuntimeError(done.stderr)
        linked.replace(target)


def _loads(path: Path) -> bool:
    """Whether a library is there and fits this system."""
    try:
        if path.is_file():
            ctypes.CDLL(str(path))
            return True
    except OSError:  # made for another C library, or not ours to read
        pass
    return False


def _march_flags(march: str) -> list[str]:
    wide = ["-mprefer-vector-width=512"] if platform.machine() in {"x86_64", "AMD64"} else []
    return [*_FLAGS, f"-march={march}", *wide]


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
    from ..core.storage import cache_folder

    return cache_folder()
