"""A release is refused until tree, versions and changelog are as they must be."""

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.3] - 2026-11-30

- Something.

## [1.2.2] - 2026-01-01

- Old.
"""


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", REPOSITORY / "scripts" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that is ready for 1.2.3."""
    (tmp_path / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text("version: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "core.hooksPath=none"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    return tmp_path


def test_a_checkout_that_is_ready_passes_and_gives_its_notes(release: ModuleType, checkout: Path) -> None:
    release.check_version(checkout, "1.2.3")
    release.check_repository(checkout, "1.2.3")
    assert release.check_changelog(checkout, "1.2.3") == "- Something."


@pytest.mark.parametrize(("version", "message"), [("1.2", "three numbers"), ("1.2.4", "write 1.2.4")])
def test_another_version_is_refused(release: ModuleType, checkout: Path, version: str, message: str) -> None:
    with pytest.raises(release.NotReadyError, match=message):
        release.check_version(checkout, version)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## [Unreleased]\n", "", "does not begin with"),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- New.\n", "unreleased entries"),
        (" - 2026-11-30", "", "YYYY-MM-DD"),
        ("- Something.", "", "is empty"),
    ],
)
def test_a_changelog_that_is_not_ready_is_refused(
    release: ModuleType, checkout: Path, old: str, new: str, message: str
) -> None:
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace(old, new))
    with pytest.raises(release.NotReadyError, match=message):
        release.check_changelog(checkout, "1.2.3")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "new.txt").touch(), "uncommitted changes"),
        (
            lambda folder: subprocess.run(["git", "tag", "v1.2.3"], cwd=folder, check=True),
            "the tag v1.2.3 exists",
        ),
    ],
)
def test_changes_and_a_used_tag_are_refused(
    release: ModuleType, checkout: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(checkout)
    with pytest.raises(release.NotReadyError, match=message):
        release.check_repository(checkout, "1.2.3")


def test_this_project_is_at_the_version_of_its_newest_section(release: ModuleType) -> None:
    version = (REPOSITORY / "__init__.py").read_text().split('__version__ = "')[1].split('"')[0]
    release.check_version(REPOSITORY, version)
    newest = (REPOSITORY / "CHANGELOG.md").read_text().split("\n## [")[2].split("]")[0]
    assert newest == version
