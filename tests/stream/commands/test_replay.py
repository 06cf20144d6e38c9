"""``lipstream replay``: the same samples again, others for another limit, one line for whatever is wrong."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.cli import main
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.recording.recorder import Recorder
from lipstream.stream.recording.recording import RecordingInfo
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.faces import face

pytestmark = pytest.mark.usefixtures("pass_through_model")

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording with lips, in the working directory."""
    monkeypatch.chdir(tmp_path)
    enhancer = Enhancer(sample_rate=16_000)
    info = RecordingInfo(16_000, "lite", "onnx", 100.0, enhancer.latency_samples, 10, "landmarks")
    recorder = Recorder(Path("take"), info, pytest.fail)
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 640)).astype(np.float32)
    for index, block in enumerate(sound):
        lips = LipFrame(index, 0.04 * index, landmarks=face(5.0 * index))
        recorder.take(block, enhancer.process(block, [lips]), lips)
    recorder.close(enhancer.flush())
    return Path("take")


def test_a_recording_comes_out_as_it_did(take: Path, capsys: Captured) -> None:
    assert main(["replay", "take"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("take: 0.80 s by lite on onnx, mean alpha 0.")
    assert out.endswith("; as clean.wav, to the bit\n")
    assert "alpha 0.00" not in out
    assert err == ""


def test_it_is_written_where_it_is_told(take: Path, capsys: Captured) -> None:
    assert main(["replay", "take", "-o", "again.wav"]) == 0
    assert capsys.readouterr().out.startswith("take -> again.wav: ")
    again, rate = soundfile.read("again.wav", dtype="float32")
    np.testing.assert_array_equal(again, soundfile.read(take / "clean.wav", dtype="float32")[0])
    assert (rate, soundfile.info("again.wav").subtype) == (16_000, "FLOAT")
    assert main(["replay", "take", "-o", "again.flac"]) == 0
    assert soundfile.info("again.flac").format == "FLAC"


def test_other_settings_than_those_of_the_session_are_tried(
    take: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipstream.stream import runtimes
    from lipstream.tests.stream.conftest import PassThrough

    asked = []

    def load(model: str, runtime: str) -> PassThrough:
        asked.append((model, runtime))
        return PassThrough(gain=0.5, lips="landmarks")

    monkeypatch.setattr(runtimes, "load_runtime", load)
    assert main(["replay", "take", "--model", "base", "--runtime", "native", "--atten-limit", "20"]) == 0
    assert asked == [("base", "native")]
    out = capsys.readouterr().out
    assert "by base on native" in out
    assert float(out.split("up to ")[1].split(" dBFS")[0]) == pytest.approx(
        20 * np.log10(0.45 * 0.5), abs=0.2
    )


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        ("nothing", "nothing holds no recording of a live session"),
        ("take -o take/noisy.wav", "is an input as well: choose another output"),
        ("take -o again.xyz", "names no format that can be written"),
        ("take -o away/again.wav", "is no folder: create it"),
        ("take --atten-limit -3", "atten_limit_db must be at least 0"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(take: Path, capsys: Captured, arguments: str, fix: str) -> None:
    before = sorted(Path().rglob("*"))
    assert main(["replay", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert fix in err
    assert sorted(Path().rglob("*")) == before
