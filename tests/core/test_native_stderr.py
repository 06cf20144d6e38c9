"""What native code writes to stderr is dropped; what Python writes, as asked."""

import subprocess
import sys

SCRIPT = """
import os, sys
from lipstream.core.native_stderr import {name}
print("before", file=sys.stderr)
with {name}():
    os.write(2, b"native\\n")
    print("python", file=sys.stderr)
os.write(2, b"after\\n")
"""


def stderr_of(name: str, setup: str = "") -> list[str]:
    command = [sys.executable, "-c", setup + SCRIPT.format(name=name)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()


def test_silence_is_for_all() -> None:
    assert stderr_of("native_stderr_silenced") == ["before", "after"]


def test_detached_native_code_leaves_python_its_stderr() -> None:
    assert stderr_of("native_stderr_detached") == ["before", "python", "after"]


def test_a_program_without_a_console_can_do_both() -> None:
    setup = "import os, sys; os.close(2); sys.stderr = None\n"
    script = SCRIPT.replace('print("before", file=sys.stderr)', "").replace('os.write(2, b"after\\n")', "")
    script = script.replace('os.write(2, b"native\\n")', "").replace(
        'print("python", file=sys.stderr)', "print(1)"
    )
    for name in ("native_stderr_silenced", "native_stderr_detached"):
        command = [sys.executable, "-c", setup + script.format(name=name)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
