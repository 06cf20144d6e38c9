"""A runtime that only passes sound through, the shipped weights, and a sound server without a sound card."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lipstream.stream.runtimes.base import Float32, StreamSpec, UInt8

WEIGHTS = Path(__file__).resolve().parents[2] / "models" / "weights" / "lite.onnx"


class PassThrough:
    """Hann-weighted overlap-add with a gain in place of a network: the framing of a real model, invertible.

    Writes down the first element of each embedding and each age it is given. Alpha is 1 / (1 + age in hops).
    """

    def __init__(self, gain: float = 1.0, window: int = 400, hop: int = 200) -> None:
        self.spec = StreamSpec("pass-through", 16_000, window, hop, 512, 96)
        self.state_bytes = 0
        self._gain = gain
        self._root = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window))
        self._root *= np.sqrt(2 * hop / window)
        self.reset()

    def reset(self) -> None:
        self._recent = np.zeros(self.spec.window_samples)
        self._overlap = np.zeros(self.spec.window_samples)
        self.embeddings: list[float] = []
        self.ages_s: list[float] = []
        self.encoded: list[int] = []

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        count = self.spec.hop_samples
        self._recent = np.concatenate([self._recent[count:], hop])
        spectrum = np.fft.rfft(self._root * self._recent)
        mixed = dry * spectrum + (1 - dry) * self._gain * spectrum
        self._overlap += self._root * np.fft.irfft(mixed, self.spec.window_samples)
        output = self._overlap[:count].astype(np.float32)
        self._overlap = np.concatenate([self._overlap[count:], np.zeros(count)])
        self.embeddings.append(float(embedding[0]))
        self.ages_s.append(video_age_s)
        return output, 1 / (1 + video_age_s * self.spec.sample_rate / count)

    def encode_lips(self, crop: UInt8) -> Float32:
        self.encoded.append(int(crop[0, 0, 0]))
        return np.full(self.spec.embedding_size, crop[0, 0, 0], np.float32)


@pytest.fixture(scope="session")
def pass_through() -> Callable[..., PassThrough]:
    """Makes pass-through runtimes: ``gain`` scales the enhanced signal, ``window`` and ``hop`` in samples."""
    return PassThrough


@pytest.fixture
def pass_through_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model name loads a pass-through runtime, for what is told by names."""
    from lipstream.stream import runtimes

    monkeypatch.setattr(runtimes, "load_runtime", lambda model, runtime: PassThrough(), raising=False)


@pytest.fixture(scope="session")
def shipped_weights() -> Path:
    """The ONNX graph of the lite preset that ships with the package."""
    return WEIGHTS


class PrivatePulse:
    """A PulseAudio of its own: null sinks `noisy` and `clean`, and a microphone `virtmic` that hears `clean`.

    Play into `noisy`, read `noisy.monitor` as the microphone, play into `clean`, record `clean.monitor`. A
    null sink alone runs in blocks of up to 2 s, so a silent low-latency client stays attached to each; after
    `start`, and after the first stream opens, allow about a second before counting anything.

    Attributes:
        environment: variables that lead PortAudio (through ALSA's pulse plugin) and PulseAudio's own
            programs to this server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        socket = folder / "pulse" / "native"
        socket.parent.mkdir(mode=0o700)
        alsa = folder / "asound.conf"
        plugs = [
            f"{kind}.{name} {{ type pulse }}" for kind in ("pcm", "ctl") for name in ("pulse", "!default")
        ]
        alsa.write_text("\n".join(["</usr/share/alsa/alsa.conf>", *plugs, ""]))
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(socket.parent),
            "PULSE_SERVER": f"unix:{socket}",
            "ALSA_CONFIG_PATH": str(alsa),
        }
        modules = (
            f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
            "module-null-sink sink_name=noisy rate=48000 channels=1",
            "module-null-sink sink_name=clean rate=48000 channels=1",
            "module-remap-source master=clean.monitor source_name=virtmic",
        )
        self._server_command = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
        ]
        self._server_command += [f"--load={module}" for module in modules]
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the server and the low-latency clients; again after `kill`."""
        self._server = self._run(self._server_command)
        deadline = time.monotonic() + 10
        while self._pactl("info").returncode != 0:
            assert time.monotonic() < deadline, "the private PulseAudio does not answer"
            time.sleep(0.05)
        self._pacat("--playback", "noisy", 48_000, Path("/dev/zero"))
        self.record(Path(os.devnull))

    @property
    def server_pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def kill(self) -> None:
        """End the server without a word, as a crash does."""
        self.thaw()
        self._server.kill()
        self._server.wait()

    def freeze(self) -> None:
        """Stop the server from answering, until `thaw`."""
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._server.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End all that was started here."""
        self.kill()
        for child in self._children:
            child.kill()
            child.wait()

    def play(self, samples: Float32, rate: int = 48_000, sink: str = "noisy") -> "subprocess.Popen[bytes]":
        """Play mono float32 samples; the process ends when they are through."""
        path = self._folder / f"play-{len(self._children)}.raw"
        path.write_bytes(samples.astype("<f4").tobytes())
        return self._pacat("--playback", sink, rate, path)

    def record(self, path: Path, source: str = "clean.monitor") -> "subprocess.Popen[bytes]":
        """Record to a file of raw float32 mono at 48 kHz, until the process is terminated."""
        return self._pacat("--record", source, 48_000, path)

    def pactl(self, *arguments: str) -> str:
        """What pactl prints."""
        result = self._pactl(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def _pactl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | self.environment | {"LC_ALL": "C"}
        return subprocess.run(["pactl", *arguments], env=environment, capture_output=True, text=True)

    def _pacat(self, mode: str, device: str, rate: int, path: Path) -> "subprocess.Popen[bytes]":
        form = ["--raw", "--format=float32le", f"--rate={rate}", "--channels=1"]
        quick = ["--latency-msec=10", "--process-time-msec=5"]
        return self._run(["pacat", mode, f"--device={device}", *form, *quick, str(path)])

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        null = subprocess.DEVNULL
        environment = os.environ | self.environment
        child = subprocess.Popen(command, env=environment, stdin=null, stdout=null, stderr=null)
        self._children.append(child)
        return child


@pytest.fixture
def private_pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePulse]:
    """A `PrivatePulse` that PortAudio in this process uses too; skips where something for it is missing.

    PortAudio reads its environment when it is initialised, so it is initialised anew on the way in and on the
    way out; streams of sounddevice must be closed by then. Child processes that inherit the environment (or
    are given `environment`) use the same server.
    """
    for program in ("pulseaudio", "pactl", "pacat"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: Debian's packages pulseaudio and pulseaudio-utils")
    try:
        import sounddevice
    except OSError:
        pytest.skip("PortAudio is not installed: Debian's package libportaudio2")
    for name in ("PULSE_SOURCE", "PULSE_SINK"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(prefix="pulse-") as folder:  # short: a socket's path has 108 characters
        pulse = PrivatePulse(Path(folder))
        try:
            pulse.start()
            with monkeypatch.context() as inside:
                for name, value in pulse.environment.items():
                    inside.setenv(name, value)
                sounddevice._terminate()
                sounddevice._initialize()
                if not any(device["name"] == "pulse" for device in sounddevice.query_devices()):
                    pytest.skip("ALSA has no pulse plugin: Debian's package libasound2-plugins")
                yield pulse
        finally:
            pulse.close()
            sounddevice._terminate()
            sounddevice._initialize()
