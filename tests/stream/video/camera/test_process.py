"""The camera side in a process of its own: real lips, and what happens when either process ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.video.camera import process as camera_process
from lipstream.stream.video.camera.process import CameraProcess
from lipstream.stream.video.camera.status import Backoff, CameraState, LipsMailbox
from lipstream.stream.video.frames import LipFrame

OWNER = """
import sys, time
from pathlib import Path
from lipstream.stream.video.camera.process import CameraProcess
from lipstream.stream.video.camera.status import LipsMailbox
camera = CameraProcess(Path(sys.argv[1]), "lite", LipsMailbox())
camera.start()
while camera.pid is None:
    time.sleep(0.01)
print(camera.pid, flush=True)
time.sleep(60)
"""


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mean_color(crop: UInt8) -> Float32:
    return np.full(512, crop.mean(), np.float32)


def signalled(camera: CameraProcess, number: int) -> int:
    """Send the process a signal; gives which it was."""
    pid = camera.pid
    assert pid is not None
    os.kill(pid, number)
    return pid


@pytest.fixture
def mailbox() -> LipsMailbox:
    return LipsMailbox()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_lips_come_and_come_again_after_a_crash(
    mailbox: LipsMailbox, example_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newest(after: int = 0) -> LipFrame:
        until(lambda: mailbox.newest_since(after))
        frame = mailbox.newest_since(after)
        assert frame is not None
        return frame

    with CameraProcess(example_video, mean_color, mailbox, retry=Backoff(0.01, 0.01)) as camera:
        assert camera.status().state is CameraState.STARTING
        frame = newest()
        assert 0 <= time.perf_counter() - frame.time_s < 20
        assert frame.crop is not None
        np.testing.assert_array_equal(frame.embedding, mean_color(frame.crop))
        until(lambda: camera.status().state is CameraState.TRACKING)
        assert camera.status().frames >= frame.sequence
        assert camera.pid is not None
        assert os.getpriority(os.PRIO_PROCESS, camera.pid) > os.getpriority(os.PRIO_PROCESS, 0)

        monkeypatch.setattr(camera_process, "SILENT_S", 0.5)
        signalled(camera, signal.SIGSTOP)
        until(lambda: camera.status().reason == "the camera's process does not answer")
        monkeypatch.undo()
        pid = signalled(camera, signal.SIGKILL)
        until(lambda: camera.status().reason == "the camera's process ended (SIGKILL): trying again")
        assert not runs(pid)
        last = newest().sequence
        assert newest(last).time_s > frame.time_s
        until(lambda: camera.status().state is CameraState.TRACKING)
        assert camera.status().failures == 1
        pid = camera.pid or 0
    assert not runs(pid)
    assert camera.status().state is CameraState.STOPPED


def test_landmarks_come_as_they_are_and_nothing_is_encoded(mailbox: LipsMailbox, example_video: Path) -> None:
    with CameraProcess(example_video, None, mailbox):
        until(lambda: mailbox.newest_since(0))
        frame = mailbox.newest_since(0)
    assert frame is not None
    assert frame.landmarks is not None
    assert frame.landmarks.shape == (44, 3)
    assert np.isfinite(frame.landmarks).all()
    assert (frame.crop, frame.embedding) == (None, None)


def test_an_encoder_of_this_process_that_fails_is_told_and_begun_anew(
    mailbox: LipsMailbox, example_video: Path
) -> None:
    calls: list[int] = []

    def fails_once(crop: UInt8) -> Float32:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("no encoder")
        return mean_color(crop)

    told: set[str] = set()

    def recovered() -> bool:
        told.add(camera.status().reason)
        return mailbox.newest_since(0) is not None

    with CameraProcess(example_video, fails_once, mailbox, retry=Backoff(0.1, 0.1)) as camera:
        until(recovered)
        assert camera.status().failures == 1
    assert "reading lips failed (no encoder): trying again" in told


def test_what_is_not_installed_is_told_once(
    mailbox: LipsMailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1 is missing')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with CameraProcess(0, "lite", mailbox, retry=Backoff(0.01, 0.01)) as camera:
        until(lambda: camera.status().state is CameraState.FAILING)
        assert "libGL.so.1 is missing" in camera.status().reason
        assert 'pip install "lipstream[video]"' in camera.status().reason
        time.sleep(0.3)
        assert camera.status().failures == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_it_ends_with_a_program_that_is_killed(example_video: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(example_video)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert runs(pid)
        owner.kill()
    until(lambda: not runs(pid))


def test_close_may_come_first_and_twice(mailbox: LipsMailbox) -> None:
    camera = CameraProcess(0, "lite", mailbox)
    camera.close()
    camera.close()
    assert camera.status().state is CameraState.STOPPED


def test_a_program_that_has_one_loads_no_opencv() -> None:
    script = "import sys, lipstream.stream.live.session; print('cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
