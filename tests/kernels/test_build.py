"""The builder of compiled kernels: what it caches, and what it says where it can't build."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lipstream.kernels import build, processors
from lipstream.kernels.build import Code

COMPILERS = ("c++", "g++", "clang++")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sources with one in it that includes a header; the cache lies beside it."""
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("there is no C++ compiler here")
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "answer.h").write_text("constexpr int kAnswer = 42;\n")
    (folder / "answer.cpp").write_text(
        '#include "answer.h"\nextern "C" int answer() { return kAnswer + MORE; }\n'
    )
    monkeypatch.setattr(build, "SOURCES", folder)
    monkeypatch.setattr(build, "SHIPPED", folder / "shipped")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def answer(more: int) -> Code:
    return Code("answer.cpp", [f"-DMORE={more}"])


def built(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache" / "lipstream").glob("*"))


def test_it_builds_with_macros_and_builds_once(sources: Path) -> None:
    assert build.library(answer(1)).answer() == 43
    (first,) = built(sources)
    os.utime(first, (0, 0))
    assert build.library(answer(1)).answer() == 43
    assert built(sources) == [first]
    assert first.stat().st_mtime == 0


def test_other_macros_and_changed_headers_make_another_library(sources: Path) -> None:
    build.library(answer(1))
    assert build.library(answer(2)).answer() == 44
    (sources / "answer.h").write_text("constexpr int kAnswer = 7;\n")
    assert build.library(answer(2)).answer() == 9
    assert len(built(sources)) == 3


def test_a_changed_header_of_another_folder_makes_another_library(sources: Path) -> None:
    for name in ("common", "train"):
        (sources / name).mkdir()
    (sources / "common" / "number.h").write_text('#include "deeper.h"\n')
    (sources / "common" / "deeper.h").write_text("constexpr int kNumber = 1;\n")
    (sources / "train" / "number.cpp").write_text(
        '#include "../common/number.h"\nextern "C" int number() { return kNumber; }\n'
    )
    assert build.library(Code("train/number.cpp")).number() == 1
    (sources / "common" / "deeper.h").write_text("constexpr int kNumber = 2;\n")
    assert build.find(Code("train/number.cpp")) is None
    assert build.library(Code("train/number.cpp")).number() == 2


def test_no_header_of_ours_changes_unseen() -> None:
    files = {path for path in build.SOURCES.rglob("*") if path.suffix in {".cpp", ".h"}}
    seen = [text for path in files if path.suffix == ".cpp" for text in build._contents(path)]
    assert {path.read_text() for path in files} == set(seen)


def test_it_knows_what_it_has_built(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build.find(answer(1)) is None
    build.library(answer(1))
    assert build.find(answer(1)) is not None
    assert build.find(answer(2)) is None


def test_what_was_built_serves_when_the_compiler_is_gone(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.library(answer(1))
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    assert build.library(answer(1)).answer() == 43
    with pytest.raises(build.BuildError, match=r"no C\+\+ compiler"):
        build.library(answer(2))


def ship(sources: Path, march: str, more: int) -> Path:
    """What setup.py does; the library of ``MORE=1`` gives itself away by another answer."""
    folder = sources / "shipped"
    folder.mkdir(exist_ok=True)
    compiler = build.find_compiler()
    assert compiler is not None
    shipped = folder / answer(1).file_name(march)
    build.compile_to(shipped, answer(more), "native", compiler)
    return shipped


def test_what_is_shipped_for_the_best_level_is_taken_and_nothing_compiled(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "runnable_here", lambda: ("better", "good"))
    good, better = ship(sources, "good", 2), ship(sources, "better", 3)
    ship(sources, "unknown", 4)
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    assert build.find(answer(1)) == better
    assert build.library(answer(1)).answer() == 45
    better.unlink()
    assert build.find(answer(1)) == good
    assert built(sources) == []


def test_what_is_shipped_and_does_not_load_is_passed_over(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "runnable_here", lambda: ("better", "good"))
    (sources / "shipped").mkdir()
    (sources / "shipped" / answer(1).file_name("better")).write_bytes(b"of another system")
    assert build.find(answer(1)) is None
    assert build.library(answer(1)).answer() == 43
    good = ship(sources, "good", 2)
    assert build.find(answer(1)) == good


def test_what_is_shipped_of_other_sources_is_not_taken(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "runnable_here", lambda: ("good",))
    ship(sources, "good", 2)
    (sources / "answer.h").write_text("constexpr int kAnswer = 7;\n")
    assert build.find(answer(1)) is None


def test_two_who_need_a_library_at_once_build_it_once(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    lock, make = fcntl.flock, build.compile_to
    asked = [threading.Event(), threading.Event()]
    calls: list[Path] = []

    def flock(*given: Any) -> None:
        asked[sum(event.is_set() for event in asked)].set()
        lock(*given)

    def building(target: Path, *given: Any) -> None:
        calls.append(target)
        assert asked[1].wait(60.0)
        make(target, *given)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(build, "compile_to", building)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(build.library, answer(1))
        assert asked[0].wait(60.0)
        second = threads.submit(build.library, answer(1))
        assert [first.result().answer(), second.result().answer()] == [43, 43]
    assert len(calls) == 1
    assert len(built(sources)) == 1


def test_a_source_that_fails_leaves_nothing_behind(sources: Path) -> None:
    with pytest.raises(build.BuildError, match=r"fails on answer\.cpp"):
        build.library(Code("answer.cpp"))  # without MORE
    assert built(sources) == []


def test_a_cache_that_cannot_be_written_is_named(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = sources.parent / "file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    with pytest.raises(build.BuildError, match="does not hold a library"):
        build.library(answer(1))
