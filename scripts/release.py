"""Make a release: check what must be true, run the tests, build sdist and wheel, tag. Nothing is uploaded.

python scripts/release.py 1.2.3              # or: make release VERSION=1.2.3
python scripts/release.py 1.2.3 --check      # only the checks that take no time
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class NotReadyError(Exception):
    """What stands in the way of a release, in a line that says what to do."""


def check_version(root: Path, version: str) -> None:
    """The package and the citation have the version, which is one."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise NotReadyError(f"'{version}' is no version: give three numbers, such as 1.2.3")
    patterns = {"__init__.py": r'^__version__ = "(.+)"$', "CITATION.cff": r"^version: (.+)$"}
    for name, pattern in patterns.items():
        found = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if found is None or found[1] != version:
            raise NotReadyError(f"{name} has the version {found and found[1]}: write {version}")


def check_changelog(root: Path, version: str) -> str:
    """The changelog has a dated section for the version with entries, and nothing unreleased above it.

    Returns:
        The text of the section.
    """
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    if not sections or not sections[0].startswith("[Unreleased]"):
        raise NotReadyError("CHANGELOG.md does not begin with the section [Unreleased]: put it at the top")
    if sections[0].removeprefix("[Unreleased]").strip():
        raise NotReadyError(f"CHANGELOG.md has unreleased entries: move them into the section [{version}]")
    heading, _, entries = (sections[1] if len(sections) > 1 else "").partition("\n")
    if not re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}", heading.strip()):
        raise NotReadyError(
            f"the newest section of CHANGELOG.md is '{heading}': make it '[{version}] - YYYY-MM-DD'"
        )
    if not re.search(r"^- ", entries, re.MULTILINE):
        raise NotReadyError(f"the section [{version}] of CHANGELOG.md is empty: say what changed")
    return entries.strip()


def check_repository(root: Path, version: str) -> None:
    """Everything is committed, and there is no such tag yet."""
    if changed := _git(root, "status", "--porcelain"):
        raise NotReadyError(f"there are uncommitted changes: commit or remove them\n{changed}")
    if _git(root, "tag", "--list", f"v{version}"):
        raise NotReadyError(f"the tag v{version} exists: choose the next version")


def build(root: Path, folder: Path) -> list[Path]:
    """Build the sdist from the tree and the wheel from the sdist, with all compiled steps."""
    folder.mkdir(exist_ok=True)
    # What an earlier build left would be taken along.
    for leftover in (root / "build" / "lib", root / "lipstream.egg-info"):
        shutil.rmtree(leftover, ignore_errors=True)
    code = f"from setuptools.build_meta import build_sdist; print(build_sdist({str(folder)!r}))"
    built = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, stdout=subprocess.PIPE, text=True
    )
    sdist = folder / built.stdout.splitlines()[-1]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    environment = os.environ | {"LIPSTREAM_LEVELS": "all"}
    subprocess.run([*pip, "--wheel-dir", folder, sdist], check=True, env=environment)
    return [sdist, *folder.glob(f"{sdist.name.removesuffix('.tar.gz')}-*.whl")]


def _git(root: Path, *arguments: str) -> str:
    result = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return result.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description="Check, test, build and tag a release; nothing is uploaded.")
    parser.add_argument("version", help="such as 1.2.3")
    parser.add_argument("--check", action="store_true", help="only the checks that take no time")
    args = parser.parse_args()
    try:
        check_version(ROOT, args.version)
        entries = check_changelog(ROOT, args.version)
        check_repository(ROOT, args.version)
    except NotReadyError as problem:
        print(f"not ready: {problem}", file=sys.stderr)
        return 1
    if args.check:
        print(f"ready for v{args.version}: the tests and the build are left")
        return 0
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=ROOT, check=True)
    for file in build(ROOT, ROOT / "dist"):
        print(file)
    _git(ROOT, "tag", "--annotate", f"v{args.version}", "--message", f"v{args.version}\n\n{entries}")
    print(
        f"built and tagged v{args.version}. Left to do: git push --follow-tags; upload the sdist and the "
        "wheels of CI's job 'wheels', as the one here asks for a system as new as this one"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
