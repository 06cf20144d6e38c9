"""The files of a Space and of a container name what there is, in the versions that the project has."""

import re
import shlex
import subprocess
import sys
import tomllib
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lipstream.cli import _parser

ROOT = Path(__file__).resolve().parents[2]
SPACE = ROOT / "demo" / "space"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
STEPS = re.findall(r"^([A-Z]+) (.*)$", (SPACE / "Dockerfile").read_text().replace("\\\n", " "), re.MULTILINE)


def front_matter() -> dict[str, str]:
    _, head, _ = (SPACE / "README.md").read_text().split("---\n", 2)
    return {key: value.strip('"') for key, value in re.findall(r"^(\w+): (.*)$", head, re.MULTILINE)}


def pinned(package: str) -> str:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


def test_the_head_of_a_space_names_what_there_is() -> None:
    head = front_matter()
    assert (SPACE / head["app_file"]).is_file()
    assert (head["sdk"], head["sdk_version"]) == ("gradio", pinned("gradio"))
    assert head["license"] == PROJECT["license"].lower()
    assert SpecifierSet(PROJECT["requires-python"]).contains(head["python_version"])
    assert len(head["short_description"]) <= 60


def test_a_space_requires_the_version_of_the_project() -> None:
    lines = (SPACE / "requirements.txt").read_text().splitlines()
    (wanted,) = (Requirement(line) for line in lines if line and not line.startswith("#"))
    assert wanted.name == PROJECT["name"]
    assert wanted.extras <= set(PROJECT["optional-dependencies"])
    version = re.search(r'^__version__ = "(.*)"', (ROOT / "__init__.py").read_text(), re.MULTILINE)
    assert version is not None
    assert str(wanted.specifier) == f"=={version[1]}"


def test_the_container_copies_what_is_there_and_installs_what_a_space_does() -> None:
    for name, words in STEPS:
        if name == "COPY" and not words.startswith("--from"):
            assert (ROOT / words.split()[0]).exists()
    told = " ".join(words for name, words in STEPS if name == "RUN")
    packages = (SPACE / "packages.txt").read_text().split()
    assert re.search(r"--no-install-recommends ([^&]*?) +&&", told)[1].split() == packages  # type: ignore[index]
    assert "app" in PROJECT["optional-dependencies"]
    assert "[app]" in told
    python = {words.split()[0].removeprefix("python:")[:4] for name, words in STEPS if name == "FROM"}
    assert python == {front_matter()["python_version"]}


def test_both_start_the_same_command_on_the_port_that_is_published() -> None:
    (command,) = (words for name, words in STEPS if name == "CMD")
    program, *arguments = shlex.split(command.strip("[]").replace(",", " "))
    args = _parser().parse_args(arguments)
    assert (program, args.host, args.port) == ("lipstream", "0.0.0.0", 7860)
    (exposed,) = (words for name, words in STEPS if name == "EXPOSE")
    assert int(exposed) == args.port
    assert f"127.0.0.1:{exposed}:{exposed}" in (SPACE / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gradio") is None, reason="needs the extra 'app'")
def test_the_page_of_a_space_answers() -> None:
    command = [sys.executable, str(SPACE / "app.py"), "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        try:
            assert page.stdout is not None
            address = page.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert b"gradio" in answer.read()
        finally:
            page.terminate()
