"""The builder of compiled kernels: what it caches, and what it says where it can't build."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lipstream.kernels import build

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
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def built(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache" / "lipstream").glob("*"))


def test_it_builds_with_macros_and_builds_once(sources: Path) -> None:
    assert build.library("answer.cpp", ["-DMORE=1"]).answer() == 43
    (first,) = built(sources)
    os.utime(first, (0, 0))
    assert build.library("answer.cpp", ["-DMORE=1"]).answer() == 43
    assert built(sources) == [first]
    assert first.stat().st_mtime == 0


def test_other_macros_and_changed_headers_make_another_library(sources: Path) -> None:
    build.library("answer.cpp", ["-DMORE=1"])
    assert build.library("answer.cpp", ["-DMORE=2"]).answer() == 44
    (sources / "answer.h").write_text("constexpr int kAnswer = 7;\n")
    assert build.library("answer.cpp", ["-DMORE=2"]).answer() == 9
    assert len(built(sources)) == 3


def test_a_changed_header_of_another_folder_makes_another_library(sources: Path) -> None:
    for name in ("common", "train"):
        (sources / name).mkdir()
    (sources / "common" / "number.h").write_text('#include "deeper.h"\n')
    (sources / "common" / "deeper.h").write_text("constexpr int kNumber = 1;\n")
    (sources / "train" / "number.cpp").write_text(
        '#include "../common/number.h"\nextern "C" int number() { return kNumber; }\n'
    )
    assert build.library("train/number.cpp").number() == 1
    (sources / "common" / "deeper.h").write_text("constexpr int kNumber = 2;\n")
    assert not build.is_built("train/number.cpp")
    assert build.library("train/number.cpp").number() == 2


def test_no_header_of_ours_changes_unseen() -> None:
    files = {path for path in build.SOURCES.rglob("*") if path.suffix in {".cpp", ".h"}}
    seen = [text for path in files if path.suffix == ".cpp" for text in build._contents(path)]
    assert {path.read_text() for path in files} == set(seen)


def test_it_knows_what_it_has_built(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not build.is_built("answer.cpp", ["-DMORE=1"])
    build.library("answer.cpp", ["-DMORE=1"])
    assert build.is_built("answer.cpp", ["-DMORE=1"])
    assert not build.is_built("answer.cpp", ["-DMORE=2"])
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    assert not build.is_built("answer.cpp", ["-DMORE=1"])


def test_two_who_need_a_library_at_once_build_it_once(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    lock, make = fcntl.flock, build._build
    asked = [threading.Event(), threading.Event()]
    calls: list[build._Plan] = []

    def flock(*given: Any) -> None:
        asked[sum(event.is_set() for event in asked)].set()
        lock(*given)

    def building(plan: build._Plan) -> None:
        calls.append(plan)
        assert asked[1].wait(60.0)
        make(plan)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(build, "_build", building)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(build.library, "answer.cpp", ["-DMORE=1"])
        assert asked[0].wait(60.0)
        second = threads.submit(build.library, "answer.cpp", ["-DMORE=1"])
        assert [first.result().answer(), second.result().answer()] == [43, 43]
    assert len(calls) == 1
    assert len(built(sources)) == 1


def test_a_source_that_fails_leaves_nothing_behind(sources: Path) -> None:
    with pytest.raises(build.BuildError, match=r"fails on answer\.cpp"):
        build.library("answer.cpp")  # without MORE
    assert built(sources) == []


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    with pytest.raises(build.BuildError, match=r"no C\+\+ compiler"):
        build.library("infer/step.cpp")


def test_a_cache_that_cannot_be_written_is_named(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = sources.parent / "file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    with pytest.raises(build.BuildError, match="does not hold a library"):
        build.library("answer.cpp", ["-DMORE=1"])
