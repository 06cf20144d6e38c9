"""Sessions on the real streams of a private sound server: end to end, and through what goes wrong there."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.cli import main
from lipstream.core.arrays import Float32
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.live.config import LiveConfig
from lipstream.stream.live.incoming import incoming_session
from lipstream.stream.live.session import LiveSession
from lipstream.stream.recording.recording import replay
from lipstream.stream.runtimes.base import Runtime
from lipstream.tests.stream.video.camera.mjpeg_server import MjpegServer
from lipstream.tests.stream.waiting import until

RATE = 48_000
TONE_HZ = 1_000.0
EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"

PROGRAM = """
import argparse, sys
from lipstream.stream.commands import live as commands
parser = argparse.ArgumentParser()
commands.add_parsers(parser.add_subparsers())
args = parser.parse_args("live --input noisy.monitor --camera none {options}".split())
sys.exit(args.run(args))
"""


def tone(seconds: float) -> Float32:
    return (0.25 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def tone_share(samples: Float32) -> float:
    """The share of the energy that lies at the tone's pitch: breaks blur it, silence and noise have none."""
    energy = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(energy[np.abs(frequencies - TONE_HZ) < 50].sum() / (energy.sum() + 1e-3))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def session(
    sound_server: Any, pass_through: Callable[..., Runtime], tmp_path: Path, said: list[str]
) -> Iterator[LiveSession]:
    """From one null sink's monitor to another, with a tone to be heard."""
    config = LiveConfig(input="noisy.monitor", output="clean", record=tmp_path / "take")
    sound_server.play(tone(1.0))
    with LiveSession(config, runtime=pass_through(), on_message=said.append) as session:
        yield session


def started(options: str) -> "subprocess.Popen[str]":
    """``lipstream live`` as a program."""
    command = [sys.executable, "-c", PROGRAM.format(options=options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 before it is there."""
    return path.stat().st_size if path.exists() else 0


def newest(path: Path) -> Float32:
    """The last second of what is being recorded."""
    return np.frombuffer(path.read_bytes()[: size_of(path) // 4 * 4][-4 * RATE :], np.float32)


def hears_tone(session: LiveSession) -> bool:
    return until(lambda: session.stats().pipeline.input_dbfs > -20)


def test_a_tone_goes_through_and_the_recording_can_be_replayed(
    sound_server: Any, session: LiveSession, pass_through: Callable[..., Runtime], tmp_path: Path
) -> None:
    assert hears_tone(session)
    assert until(lambda: session.stats().pipeline.output_dbfs > -20)
    recording = sound_server.record(tmp_path / "heard.raw")
    assert until(lambda: size_of(tmp_path / "heard.raw") >= 2 * RATE * 4)
    recording.terminate()
    recording.wait()
    session.stop()
    heard = np.fromfile(tmp_path / "heard.raw", np.float32)
    # A share, not all: on a busy computer sound breaks off now and then.
    assert tone_share(heard) > 0.5
    noisy, rate = soundfile.read(tmp_path / "take" / "noisy.wav", dtype="float32")
    clean, _ = soundfile.read(tmp_path / "take" / "clean.wav", dtype="float32")
    assert (rate, len(noisy)) == (RATE, len(clean))
    assert tone_share(clean) > 0.5
    again = Enhancer(sample_rate=RATE, runtime=pass_through())
    np.testing.assert_array_equal(replay(tmp_path / "take", again), clean)


def test_a_network_camera_gives_lips_to_the_real_model(
    sound_server: Any, shipped_weights: Path, said: list[str], tmp_path: Path
) -> None:
    sound_server.play(tone(1.0))
    with MjpegServer(EXAMPLE) as camera:
        config = LiveConfig(
            input="noisy.monitor", output="clean", camera=camera.url, record=tmp_path / "take"
        )
        with LiveSession(config, on_message=said.append) as session:
            assert until(lambda: session.stats().pipeline.alpha > 0.1, seconds=60.0), said
            assert session.stats().camera is not None
            seen_s = session.stats().recorded_s or 0.0
            assert until(lambda: (session.stats().recorded_s or 0.0) > seen_s + 1.0)
    assert any("camera tracking" in line for line in said)
    assert len(np.load(tmp_path / "take" / "lips.npy")) > 1
    clean, _ = soundfile.read(tmp_path / "take" / "clean.wav", dtype="float32")
    np.testing.assert_array_equal(replay(tmp_path / "take"), clean)


def test_a_killed_and_restarted_server_is_come_back_to(
    sound_server: Any, session: LiveSession, said: list[str], tmp_path: Path
) -> None:
    assert hears_tone(session)
    sound_server.kill()
    assert until(lambda: sum("lost" in line for line in said) == 2)
    assert not session.wait(0.0)
    assert session.stats().input.alive is False
    sound_server.start()
    assert until(lambda: sum("back" in line for line in said) == 2)
    begins_s = session.stats().recorded_s or 0.0
    sound_server.play(tone(1.0))
    assert until(lambda: (session.stats().recorded_s or 0.0) > begins_s + 2.0)
    session.stop()
    noisy, _ = soundfile.read(tmp_path / "take" / "noisy.wav", dtype="float32")
    assert tone_share(noisy[round(begins_s * RATE) :]) > 0.5


def test_an_input_that_is_gone_is_waited_for(
    sound_server: Any, pass_through: Callable[..., Runtime], said: list[str]
) -> None:
    headset = ("load-module", "module-remap-source", "master=noisy.monitor", "source_name=headset")
    module = sound_server.pactl(*headset).strip()
    sound_server.play(tone(1.0))
    config = LiveConfig(input="headset", output="clean")
    with LiveSession(config, runtime=pass_through(), on_message=said.append) as session:
        assert hears_tone(session)
        sound_server.pactl("unload-module", module)
        assert until(lambda: any("input lost" in line and "headset" in line for line in said))
        sound_server.pactl(*headset)
        assert until(lambda: any("input back" in line for line in said))
        assert session.stats().restarts >= 1
        assert not session.wait(0.0)


def test_a_virtual_microphone_runs_as_well_while_nobody_listens(
    routed_server: Any, pass_through: Callable[..., Runtime], tmp_path: Path
) -> None:
    routed_server.play(tone(1.0))
    config = LiveConfig(input="noisy.monitor", virtual_mic="voice")
    with LiveSession(config, runtime=pass_through()) as session:
        assert until(lambda: session.stats().pipeline.latency.known)
        assert session.stats().listened is False
        assert session.stats().output.name == "Virtual microphone voice"
        assert 0 < session.stats().pipeline.latency.added_ms < 300
        recording = routed_server.record(tmp_path / "heard.raw", "voice")
        assert until(lambda: session.stats().listened)
        recording.terminate()
        recording.wait()


def test_what_other_programs_play_is_heard_on_the_real_output(
    sound_server: Any, pass_through_model: None, tmp_path: Path, said: list[str]
) -> None:
    before = sound_server.pactl("list", "short", "modules")
    sound_server.prefer("sink", "clean")
    with incoming_session("default", LiveConfig(runtime="onnx"), said.append) as session:
        sound_server.prefer("sink", "lipstream-speakers")  # as a user may: nothing goes round
        sound_server.play(tone(1.0), sink="lipstream-speakers")
        assert hears_tone(session)
        assert session.stats().output.name == "clean"
        heard = tmp_path / "heard.raw"
        recording = sound_server.record(heard)
        # The buffers between fill first, on PipeWire in a second or two.
        assert until(lambda: size_of(heard) >= RATE * 4 and tone_share(newest(heard)) > 0.5)
        recording.terminate()
        recording.wait()
    assert any("'Lipstream speakers'" in line for line in said)
    assert sound_server.pactl("list", "short", "modules") == before


def test_of_a_server_that_dies_only_the_session_speaks(sound_server: Any, shipped_weights: Path) -> None:
    process = started("--output clean")
    try:
        assert process.stdout is not None
        while "xruns in" not in process.stdout.readline():
            pass
        sound_server.kill()
        while "output lost" not in (line := process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=90)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_takes_the_virtual_microphone_along(routed_server: Any, shipped_weights: Path) -> None:
    before = routed_server.pactl("list", "short", "modules")
    process = started("--virtual-mic")
    try:
        assert until(lambda: "lipstream" in routed_server.pactl("list", "short", "sources"))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=90)
        assert (process.returncode, errors) == (0, "")
        assert routed_server.pactl("list", "short", "modules") == before
    finally:
        process.kill()
        process.communicate()


def test_an_output_to_hear_on_that_is_not_there_is_told_before_anything_starts(
    routed_server: Any, shipped_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live", "--input", "noisy.monitor", "--virtual-mic", "--incoming", "firefox"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "there is no output device 'firefox'" in shown.err
    assert "lipstream-output" not in shown.err
