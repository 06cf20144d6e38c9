"""What an installed copy and a source distribution hold, and what they must not."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lipstream.kernels import processors
from lipstream.kernels.build import find_compiler

REPOSITORY = Path(__file__).resolve().parent.parent
ROOMS = ["bench", "core", "kernels", "models", "stream", "train"]


@pytest.fixture(scope="module")
def unpacked_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    # A copy, so that no build folder of an earlier day adds its files and none is left in the checkout.
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "__pycache__", "*.egg-info", "build", "dist", "demo-out", "runs"
    )
    shutil.copytree(REPOSITORY, folder / "source", ignore=left_out)
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=folder / "source")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (root,) = (folder / "unpacked").iterdir()
    return root


@pytest.fixture(scope="module")
def level() -> str | None:
    """The one whose step the wheel carries: the lowest, which no other test compiles; None: no compiler."""
    return processors.levels()[-1] if processors.levels() and find_compiler() else None


@pytest.fixture(scope="module")
def installed(unpacked_sdist: Path, level: str | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel built from the source distribution unpacks into, as site-packages would hold it."""
    folder = tmp_path_factory.mktemp("packaging")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    environment = os.environ | {"LIPSTREAM_LEVELS": level or "none"}
    subprocess.run([*pip, "--wheel-dir", folder, unpacked_sdist], check=True, env=environment)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def files_of(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob(pattern) if path.is_file()}


def run_beside(installed: Path, code: str, *arguments: str) -> str:
    """What ``code`` prints in an isolated interpreter that finds the unpacked wheel first, and no program."""
    setup = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    command = [sys.executable, "-I", "-c", setup + code, *arguments]
    environment = {"PATH": "/nonexistent", "XDG_CACHE_HOME": str(installed.parent / "cache")}
    result = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=installed.parent, env=environment
    )
    return result.stdout


def test_the_sdist_holds_what_building_testing_and_reading_need(unpacked_sdist: Path) -> None:
    held = files_of(unpacked_sdist, "*")
    top = {
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "SECURITY.md",
    }
    assert held >= top | {".ci/run", "constraints.txt", "mkdocs.yml", "pyproject.toml", "tests/conftest.py"}
    for folder in ("demo", "docs", "examples", "kernels", "scripts", "tests", "train"):
        expected = {file for file in files_of(REPOSITORY / folder, "*") if "__pycache__" not in file}
        assert {f"{folder}/{file}" for file in expected if not file.endswith(".so")} <= held
    assert not [file for file in held if file.endswith(".so")]  # compiled with the wheel


def test_the_wheel_has_one_top_level_package(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"lipstream"}


def test_the_wheel_carries_every_module(installed: Path) -> None:
    modules = {path.name for path in REPOSITORY.glob("*.py")} - {"setup.py"}
    for room in ROOMS:
        modules |= {f"{room}/{module}" for module in files_of(REPOSITORY / room, "*.py")}
    assert files_of(installed / "lipstream", "*.py") == modules


def test_the_wheel_carries_all_data_files_of_the_rooms(installed: Path) -> None:
    data = files_of(installed / "lipstream", "*") - files_of(installed / "lipstream", "*.py")
    data -= files_of(installed / "lipstream", "*.so")
    expected = {"py.typed"}
    rooms = (
        ("models/weights", "*"),
        ("kernels/cpu", "*"),
        ("train/recipes", "*.toml"),
        ("train/ablation", "*"),
        ("train/cue", "*"),
        ("train/gate", "*"),
        ("train/makers/grammars", "*.txt"),
        ("bench/report/templates", "*"),
        ("stream/app", "*.js"),
    )
    for room, pattern in rooms:
        files = {f"{room}/{file}" for file in files_of(REPOSITORY / room, pattern)}
        expected |= {file for file in files if not file.endswith((".py", ".pyc", ".so"))}
    assert data == expected
    assert {Path(file).suffix for file in data} >= {".onnx", ".safetensors", ".toml", ".cpp", ".j2"}


def test_the_wheel_carries_the_compiled_step_and_serves_any_python_on_its_platform(
    installed: Path, level: str | None
) -> None:
    if level is None:
        pytest.skip("no C++ compiler, or no level of this architecture")
    (shipped,) = files_of(installed / "lipstream", "*.so")
    assert shipped.startswith(f"kernels/cpu/shipped/step-{level}-")
    (wheel,) = installed.parent.glob("*.whl")
    python, abi, system = wheel.stem.split("-")[-3:]
    assert (python, abi) == ("py3", "none")
    assert system != "any"


#: Enhances a file by what the command chooses and by ONNX Runtime, and prints how far they differ.
ENHANCE = """
import json, sys
from pathlib import Path
from lipstream.cli import main
from lipstream.kernels import build
import numpy as np, soundfile
source, shipped = sys.argv[1:]
if shipped:
    build.SHIPPED = Path(shipped)
outputs = []
for runtime in ("auto", "onnx"):
    assert main(["enhance", source, "-o", "out.flac", "--json", "--runtime", runtime]) == 0
    outputs.append(soundfile.read("out.flac")[0])
print(np.abs(outputs[0] - outputs[1]).max())
"""


@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
def test_without_a_compiler_files_are_enhanced_by_the_step_that_came_with_the_wheel(
    installed: Path, level: str | None, there: bool
) -> None:
    if level is None:
        pytest.skip("no C++ compiler, or no level of this architecture")
    source, shipped = REPOSITORY / "demo" / "example.flac", "" if there else "nowhere"
    printed = run_beside(installed, ENHANCE, str(source), shipped).splitlines()
    auto, onnx, difference = map(json.loads, printed)
    assert (auto["runtime"], onnx["runtime"]) == ("native" if there else "onnx", "onnx")
    assert difference <= (1e-4 if there else 0.0)


def test_without_a_compiler_a_wheel_for_any_platform_is_built(unpacked_sdist: Path, tmp_path: Path) -> None:
    code = f"from setuptools.build_meta import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    source = tmp_path / "source"
    shutil.copytree(unpacked_sdist, source)
    environment = {name: value for name, value in os.environ.items() if name != "LIPSTREAM_LEVELS"}
    environment["PATH"] = "/nonexistent"
    command = [sys.executable, "-c", code]
    built = subprocess.run(command, check=True, capture_output=True, text=True, cwd=source, env=environment)
    assert built.stdout.splitlines()[-1].endswith("-py3-none-any.whl")
    assert "the compiled step is left out: no C++ compiler" in built.stdout


def test_an_installed_copy_imports_as_lipstream_alone(installed: Path) -> None:
    where = run_beside(installed, "import lipstream; print(lipstream.__file__)")
    assert Path(where.strip()) == installed / "lipstream" / "__init__.py"
    code = f"from importlib.util import find_spec; print([room for room in {ROOMS} if find_spec(room)])"
    assert run_beside(installed, code).strip() == "[]"


def test_the_command_is_installed_and_the_base_install_needs_no_torch(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info")
    distribution = importlib.metadata.Distribution.at(metadata)
    (command,) = distribution.entry_points
    assert (command.name, command.value) == ("lipstream", "lipstream.cli:main")
    requirements = [Requirement(line) for line in distribution.requires or []]
    base = {requirement.name for requirement in requirements if not requirement.marker}
    assert base == {
        "av",
        "numpy",
        "onnxruntime",
        "platformdirs",
        "rich",
        "safetensors",
        "sounddevice",
        "soundfile",
    }


def test_every_dependency_has_a_pin_that_satisfies_it() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = {name: lines for name, lines in project["optional-dependencies"].items() if name != "cuda"}
    lines = project["dependencies"] + [line for extra in extras.values() for line in extra]
    wanted = [requirement for requirement in map(Requirement, lines) if requirement.name != "lipstream"]
    pins = {}
    for line in (REPOSITORY / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = Version(version)
    assert {canonicalize_name(need.name) for need in wanted} <= pins.keys()
    assert not [str(need) for need in wanted if pins[canonicalize_name(need.name)] not in need.specifier]


def test_setup_finds_what_it_compiles_with_the_standard_library_alone() -> None:
    code = (
        f"import sys, importlib.util; root = {str(REPOSITORY)!r}\n"
        "spec = importlib.util.spec_from_file_location(\n"
        "    'lipstream', root + '/__init__.py', submodule_search_locations=[root])\n"
        "sys.modules['lipstream'] = importlib.util.module_from_spec(spec)\n"
        "from lipstream.kernels import build, processors\n"
        "from lipstream.models.config import preset\n"
        "from lipstream.models.store.registry import shipped_presets\n"
        "from lipstream.models.store.step.sizes import step_sizes\n"
        "print(*{step_sizes(preset(name)).code() for name in shipped_presets()})"
    )
    # -S: without the packages of this environment.
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "infer/step.cpp" in done.stdout
