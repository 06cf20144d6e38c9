"""What the repository may not hold: large files, and paths of the machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
LARGEST_BYTES = 8 * 2**20
# Bytes, for an exported graph can carry the paths of its sources too.
MACHINE_PATH = re.compile(rb"(?<![\w.$}])/(?:farm|home|root|tmp|work|Users)/\w+|[A-Z]:\\Users\\\w")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Every file that is tracked, or would be with the next commit."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = listing.decode().split("\0")[:-1]
    return [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]


def test_no_file_is_too_large_to_clone_with_pleasure(files: list[Path]) -> None:
    assert not [path.relative_to(REPOSITORY) for path in files if path.stat().st_size > LARGEST_BYTES]


def test_no_file_names_a_path_of_some_machine(files: list[Path]) -> None:
    found = {path.relative_to(REPOSITORY): MACHINE_PATH.findall(path.read_bytes())[:3] for path in files}
    assert not {path: hits for path, hits in found.items() if hits}
