"""A server of several processes outlives the death of one, ends gently, and refuses what cannot be."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from lipstream.cli import main
from lipstream.stream.serve.config import TOKEN_VARIABLE


def numbers(port: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_all_end_on_sigterm(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    command = [sys.executable, "-m", "lipstream", "serve", "--port", "0", "--workers", "2", "--streams", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stderr is not None
        try:
            ready = next(line for line in server.stderr if "ready: " in line)
            port = ready.split("127.0.0.1:")[1].partition("/")[0]
            before = int(numbers(port)['lipstream_pid{worker="0"}'])
            os.kill(before, signal.SIGKILL)
            assert (
                "worker 0 ended (exit code -9), 0 streams lost: it begins again" in server.stderr.readline()
            )
            until_s = time.monotonic() + 120
            while (now := numbers(port))['lipstream_ready{worker="0"}'] == 0 and time.monotonic() < until_s:
                time.sleep(0.05)
            assert now['lipstream_pid{worker="0"}'] not in (0, before)
            assert now['lipstream_restarts_total{worker="0"}'] == 1
        finally:
            server.terminate()
        assert server.wait(120) == 0
        said = server.stderr.read()
    assert "draining: 0 streams may go on" in said
    assert "ended: 0 streams served, 0 cut off" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["--host", "0.0.0.0"], "set a token with --token-file FILE"),
        (["--port", "70000"], "--port: must be from 0 to 65535"),
        (["--workers", "0"], "--workers: must be at least 1"),
        (["--drain", "-1"], "--drain: must be"),
        (["--speed", "0.5"], "--speed: must be at least 1"),
        (["--token-file", "none.txt"], "cannot be read"),
        (["--token-file", "short.txt"], "must have 16 ASCII characters or more"),
        (["--model", "nobody"], "unknown model"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(
    words: list[str],
    fix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("uvicorn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    Path("short.txt").write_text("secret\n")
    assert main(["serve", *words]) == 2
    assert fix in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("uvicorn")
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert main(["serve", "--port", str(other.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err
