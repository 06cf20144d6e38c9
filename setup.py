"""What pyproject.toml cannot say: a wheel carries the step of each shipped model, compiled.

It is compiled for each level of this architecture's processors (kernels/processors.py), for an editable
install for this processor alone. Where that fails, as without a compiler, it is left out, which the log of
the build tells (``pip install --verbose``): ONNX Runtime serves then. The environment variable
LIPSTREAM_LEVELS says it otherwise: names of levels, with commas, or "all", which must compile then. With
"none" the wheel is for any platform.
"""

import importlib.util
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
ASKED = os.environ.get("LIPSTREAM_LEVELS", "")

# The checkout is the package itself; what is imported of it needs the standard library alone.
_spec = importlib.util.spec_from_file_location(
    "lipstream", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
assert _spec is not None
sys.modules["lipstream"] = importlib.util.module_from_spec(_spec)

from lipstream.kernels import build, processors  # noqa: E402
from lipstream.models.config import preset  # noqa: E402
from lipstream.models.store.registry import shipped_presets  # noqa: E402
from lipstream.models.store.step.sizes import step_sizes  # noqa: E402

#: Without what only a debugger reads. The compiler's own libraries are there: ONNX Runtime needs them too.
LINK = ("-s",) if sys.platform == "linux" else ()


def levels_to_compile(editable: bool = False) -> tuple[str, ...]:
    """Names of levels, by what is asked and possible."""
    if ASKED == "none" or (not ASKED and build.find_compiler() is None):
        return ()
    if ASKED and ASKED != "all":
        return tuple(ASKED.split(","))
    return processors.runnable_here()[:1] if editable else processors.levels()


def compile_steps(folder: Path, levels: tuple[str, ...]) -> None:
    """Compile the step of each shipped model for each level into a folder, which then holds nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    compiler = build.find_compiler()
    if not levels or compiler is None:
        if ASKED not in ("", "none"):
            raise SystemExit(f"LIPSTREAM_LEVELS is {ASKED}, and there is no C++ compiler for it")
        print("lipstream: the compiled step is left out: no C++ compiler, or no level asked for")
        return
    folder.mkdir(parents=True)
    codes = {step_sizes(preset(name)).code() for name in shipped_presets()}

    def compile_one(code: build.Code, level: str) -> None:
        try:
            build.compile_to(folder / code.file_name(level), code, level, compiler, LINK)
        except build.BuildError as error:
            if ASKED:
                raise SystemExit(f"{error} for {level}:\n{error.__cause__}") from error
            print(f"lipstream: the compiled step is left out for {level}: {error.__cause__}")

    pairs = [(code, level) for code in codes for level in levels]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(compile_one, *zip(*pairs, strict=True)))


class BuildPy(build_py):
    """Modules and data, and beside them the compiled steps."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        modules = super().find_package_modules(package, package_dir)
        return [found for found in modules if found[:2] != ("lipstream", "setup")]

    def run(self) -> None:
        super().run()
        root = ROOT if self.editable_mode else Path(self.build_lib, "lipstream")
        compile_steps(root / "kernels" / "cpu" / "shipped", levels_to_compile(self.editable_mode))


class BdistWheel(bdist_wheel):
    """A wheel for one platform and any Python, for the libraries know nothing of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, system = super().get_tag()
        return (python, abi, system) if self.root_is_pure else ("py3", "none", system)


class PlatformDistribution(Distribution):
    """One that may hold compiled code."""

    def has_ext_modules(self) -> bool:
        return bool(levels_to_compile())


setup(cmdclass={"build_py": BuildPy, "bdist_wheel": BdistWheel}, distclass=PlatformDistribution)
