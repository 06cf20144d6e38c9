"""Nothing leaves the computer, and nothing is written but the output: files and sockets are watched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lipstream.tests.stream.media.samples import write_sample

#: Enhances as the command line does, then for a while as a stream, and prints its sockets all along.
WATCHED = """
import os, sys, threading
import lipstream, numpy as np
from lipstream.cli import main

seen = set()
def look():
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("socket:"):
            seen.add(target)
def watch():
    while not done.wait(0.002):
        look()
done = threading.Event()
thread = threading.Thread(target=watch)
thread.start()
code = main(["enhance", "a.wav", "-o", "out.wav"])
enhancer = lipstream.Enhancer()
for _ in range(400):
    enhancer.process(np.zeros(200, np.float32))
done.set()
thread.join()
look()
print("sockets:", len(seen), "code:", code)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_sample(tmp_path / "a.wav")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def environment(home: Path) -> dict[str, str]:
    """As of a user who has set nothing."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    return kept | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are seen in Linux's /proc")
def test_enhancing_opens_no_socket_and_writes_the_output_alone(home: Path) -> None:
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(
        command, cwd=home.parent, env=environment(home), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "sockets: 0 code: 0"
    assert files(home.parent) == ["a.wav", "out.wav"]


def test_a_stream_asks_the_network_for_nothing(home: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = home.parent / "calls"
    command = [strace, "-f", "-e", "trace=socket,connect,sendto", "-o", str(log)]
    traced = subprocess.run(
        [*command, sys.executable, "-c", WATCHED],
        cwd=home.parent,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in traced.stderr and "not permitted" in traced.stderr:
        pytest.skip("strace may not trace here")
    assert traced.returncode == 0
    assert "AF_INET" not in log.read_text()


def test_a_choice_of_the_user_about_telemetry_is_kept(home: Path) -> None:
    show = "import lipstream, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for chosen, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        done = subprocess.run(
            [sys.executable, "-c", show],
            env=environment(home) | chosen,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
