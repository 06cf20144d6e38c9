"""The line that says how an extra is installed can be typed, and names extras that there are."""

import re
import tomllib
from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.core.extras import install_line, needs_extra

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_line_is_for_pypi_and_for_a_checkout() -> None:
    assert install_line("video") == 'pip install "lipstream[video]", in a checkout pip install -e ".[video]"'


def test_the_error_says_what_needs_it_and_what_is_missing() -> None:
    with pytest.raises(InputError, match=r"^train needs the extra 'train': pip install .* \(No module\)$"):
        raise needs_extra("train", "train", ImportError("No module"))
    assert str(needs_extra("video", "video")).endswith('".[video]"')


def test_every_extra_that_is_asked_for_exists() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    rooms = [REPOSITORY / name for name in ("bench", "core", "kernels", "models", "stream", "train")]
    code = "".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    code += (REPOSITORY / "cli.py").read_text()
    asked = set(re.findall(r'needs_extra\(\s*(?:f?"[^"]*"|\w+),\s*"(\w+)"', code))
    asked |= set(re.findall(r'install_line\("(\w+)"\)', code))
    assert {"train", "video", "bench", "completion"} <= asked
    assert asked <= set(extras)
    assert "pip install 'lipstream[" not in code
