"""Each script of examples/ does what it says, in its own process, on the example clip or on what it makes."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "demo"
EXAMPLES = REPOSITORY / "examples"
SECONDS = 1.5
TESTED = {
    "add_peer",
    "enhance_array",
    "evaluate_folders",
    "lips_from_video",
    "lips_of_pictures",
    "live_session",
    "livekit_agent",
    "own_model",
    "pipecat_agent",
    "pool_of_streams",
    "serve_client",
    "spectrograms",
    "stream_chunks",
    "triton_client",
}


def run(name: str, *arguments: Path | str) -> str:
    command: list[str | Path] = [sys.executable, EXAMPLES / f"{name}.py", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def needs(*packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """The start of the example clip."""
    wave, rate = soundfile.read(DEMO / "example.flac", frames=int(SECONDS * 16_000))
    path = tmp_path / "noisy.wav"
    soundfile.write(path, wave, rate)
    return path


def assert_cleaned(noisy: Path, clean: Path, late: int) -> None:
    """Late by some samples, the output is nearer to the clean speech than the input by 3 dB and more."""
    before, rate = soundfile.read(noisy)
    after, same_rate = soundfile.read(clean)
    assert (rate, after.ndim) == (same_rate, 1)
    after = after[late : late + len(before)]
    speech, _ = soundfile.read(DEMO / "example.clean.flac", frames=len(after))
    assert np.mean((after - speech) ** 2) < 0.5 * np.mean((before[: len(after)] - speech) ** 2)


def test_every_example_is_tested_short_and_explained() -> None:
    scripts = {path.stem: path.read_text() for path in EXAMPLES.glob("*.py")}
    assert set(scripts) == TESTED
    for text in scripts.values():
        assert 20 <= len(text.splitlines()) <= 72
        assert "python examples/" in text.split('"""')[1]


def test_an_array_comes_back_aligned(noisy: Path, tmp_path: Path) -> None:
    run("enhance_array", noisy, tmp_path / "clean.wav")
    assert_cleaned(noisy, tmp_path / "clean.wav", late=0)
    assert soundfile.info(tmp_path / "clean.wav").frames == soundfile.info(noisy).frames


def test_a_stream_comes_back_late_by_its_latency(noisy: Path, tmp_path: Path) -> None:
    assert "400 samples (25.0 ms)" in run("stream_chunks", noisy, tmp_path / "clean.wav")
    assert soundfile.info(tmp_path / "clean.wav").frames == soundfile.info(noisy).frames + 400


def test_callers_of_a_pool_come_and_go(noisy: Path) -> None:
    lines = run("pool_of_streams", noisy).splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [f"caller {number}" for number in range(4)]
    assert lines[-1] == "0 callers left in a pool of 4"


@pytest.mark.slow
def test_a_live_session_runs_with_files(noisy: Path, tmp_path: Path) -> None:
    assert "model lite on onnx" in run("live_session", noisy, tmp_path / "clean.wav")
    assert soundfile.info(tmp_path / "clean.wav").duration > SECONDS / 2


@pytest.mark.slow
def test_lips_come_from_a_video(noisy: Path, tmp_path: Path) -> None:
    needs("mediapipe")
    shown = run("lips_from_video", noisy, DEMO / "example.mp4", tmp_path)
    assert "mean trust in the video: 0." in shown or "mean trust in the video: 1." in shown
    assert soundfile.info(tmp_path / "with-video.wav").frames == soundfile.info(noisy).frames


@pytest.mark.slow
def test_lips_come_from_pictures_one_by_one(noisy: Path, tmp_path: Path) -> None:
    needs("mediapipe")
    shown = run("lips_of_pictures", noisy, DEMO / "example.mp4", tmp_path / "clean.wav")
    pictures = int(shown.split("lips in ")[1].split()[0])
    assert pictures > 0.9 * 25 * SECONDS - 1
    assert_cleaned(noisy, tmp_path / "clean.wav", late=0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), [("pipecat_agent", "pipecat"), ("livekit_agent", "livekit")])
def test_voice_agents_hear_clean_speech_and_see_lips(
    name: str, package: str, noisy: Path, tmp_path: Path
) -> None:
    needs(package, "mediapipe")
    shown = run(name, noisy, DEMO / "example.mp4", tmp_path / "clean.wav")
    assert "lags its input by 25.0 ms" in shown
    assert float(shown.split("most trust in the lips ")[1].split()[0]) > 0.0
    assert_cleaned(noisy, tmp_path / "clean.wav", late=400)


@pytest.mark.slow
def test_a_client_of_the_server_hears_clean_speech(noisy: Path, tmp_path: Path) -> None:
    needs("fastapi", "uvicorn", "websockets")
    command = [sys.executable, "-m", "lipstream", "serve", "--port", "0", "--drain", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        try:
            assert server.stderr is not None
            address = (
                next(line for line in server.stderr if "ready: " in line).split("ready: ")[1].split(",")[0]
            )
            assert "25.0 ms" in run("serve_client", noisy, tmp_path / "clean.wav", address)
        finally:
            server.terminate()
            assert server.wait(60) == 0
    assert_cleaned(noisy, tmp_path / "clean.wav", late=400)


@pytest.mark.slow
def test_a_client_of_triton_hears_clean_speech(noisy: Path, tmp_path: Path) -> None:
    needs("tritonclient", "grpc", "onnx")
    from lipstream.models.store.triton_repository import write_repository
    from lipstream.tests.examples.triton_stand_in import stand_in

    write_repository("lite", tmp_path / "models")
    with stand_in(tmp_path / "models") as address:
        assert "hops of stream" in run("triton_client", noisy, tmp_path / "clean.wav", address)
    assert_cleaned(noisy, tmp_path / "clean.wav", late=0)


@pytest.mark.slow
def test_a_model_of_ones_own_is_trained_and_goes_live(noisy: Path, tmp_path: Path) -> None:
    needs("torch", "tensorboard", "pystoi", "pesq", "av", "soxr")
    speech, rate = soundfile.read(DEMO / "example.clean.flac", frames=2 * 16_000)
    noise = 0.05 * np.random.default_rng(0).standard_normal(speech.size)
    for name in ("anna", "ben", "carl"):
        for kind, sound in (("speech", speech), ("noise", noise)):
            (tmp_path / kind / name).mkdir(parents=True)
            soundfile.write(tmp_path / kind / name / "a.flac", sound, rate)
    files = ("--input", noisy, "--output", tmp_path / "clean.wav")
    run("own_model", tmp_path / "speech", tmp_path / "noise", tmp_path / "out", "--steps", "2", *files)
    assert (tmp_path / "out" / "run" / "best.safetensors").is_file()
    assert soundfile.info(tmp_path / "clean.wav").frames >= soundfile.info(noisy).frames


@pytest.mark.slow
def test_folders_of_ones_own_are_scored(tmp_path: Path) -> None:
    needs("pystoi", "pesq", "matplotlib", "jinja2", "scipy")
    shown = run("evaluate_folders", tmp_path)
    assert "lite" in shown
    assert "other" in shown
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.slow
def test_a_graph_becomes_a_peer_by_its_description(tmp_path: Path) -> None:
    needs("onnx", "pystoi", "pesq")
    (row,) = [line.split() for line in run("add_peer", tmp_path).splitlines() if line.startswith("smoother")]
    assert "10.0" in row  # ms: its latency is its hop


@pytest.mark.slow
def test_spectrograms_are_small_pictures(noisy: Path, tmp_path: Path) -> None:
    needs("matplotlib")
    run("spectrograms", noisy, tmp_path)
    for name in ("before.png", "after.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / name).stat().st_size < 150_000
        assert (REPOSITORY / "docs" / "images" / name).stat().st_size < 150_000
