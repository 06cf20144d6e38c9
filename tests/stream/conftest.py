"""A runtime that only passes sound through, the shipped weights, and a sound server without a sound card."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.devices import portaudio_host
from lipstream.stream.runtimes.base import LipsKind, StreamSpec
from lipstream.tests.stream.sound_servers import (
    PrivatePipeWire,
    PrivatePipeWireAlone,
    PrivatePulse,
    PrivateServer,
)

WEIGHTS = Path(__file__).resolve().parents[2] / "models" / "weights" / "lite.onnx"


class PassThrough:
    """Hann-weighted overlap-add with a gain in place of a network: the framing of a real model, invertible.

    Writes down the first element of each embedding and each age it is given, and what it sees: the first
    coordinate of landmarks, which is all of their cue, and the age. Alpha is 1 / (1 + age in hops).
    """

    def __init__(
        self, gain: float = 1.0, window: int = 400, hop: int = 200, lips: LipsKind = "crops"
    ) -> None:
        size = 10 if lips == "landmarks" else 512
        self.spec = StreamSpec("pass-through", 16_000, window, hop, size, 96, lips)
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
        self.seen: list[tuple[float, float]] = []

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

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        self.seen.append((float(landmarks[0, 0]), age_s))
        return np.full(self.spec.embedding_size, landmarks[0, 0], np.float32)


@pytest.fixture(scope="session")
def pass_through() -> Callable[..., PassThrough]:
    """Makes pass-through runtimes: ``gain`` of the output, ``window`` and ``hop`` in samples, ``lips``."""
    return PassThrough


@pytest.fixture
def pass_through_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model name loads a pass-through runtime that sees landmarks."""
    from lipstream.stream import runtimes

    monkeypatch.setattr(
        runtimes, "load_runtime", lambda model, runtime: PassThrough(lips="landmarks"), raising=False
    )


@pytest.fixture(scope="session")
def shipped_weights() -> Path:
    """The ONNX graph of the lite preset that ships with the package."""
    return WEIGHTS


@contextmanager
def private_server(kind: type[PrivateServer], monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateServer]:
    """A sound server that PortAudio in this process uses too; skips where something for it is missing.

    PortAudio reads its environment when it is initialised, so it is initialised again on the way in and the
    way out; streams of sounddevice must be closed by then. Child processes that inherit the environment (or
    are given `environment`) use the same server.
    """
    for program in kind.programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: Debian's packages {kind.packages}")
    try:
        import sounddevice
    except OSError:
        pytest.skip("PortAudio is not installed: Debian's package libportaudio2")
    for name in ("PULSE_SOURCE", "PULSE_SINK"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(prefix="pulse-") as folder:  # short: a socket's path has 108 characters
        server = kind(Path(folder))
        try:
            server.start()
            with monkeypatch.context() as inside:
                for name, value in server.environment.items():
                    inside.setenv(name, value)
                # A test that failed before may have left streams open; they end with PortAudio here.
                inside.setattr(portaudio_host, "_streams_open", 0)
                sounddevice._terminate()
                sounddevice._initialize()
                if not any(device["name"] == kind.plugin for device in sounddevice.query_devices()):
                    pytest.skip(f"ALSA has no plugin {kind.plugin}: Debian's package {kind.plugin_package}")
                yield server
        finally:
            server.close()
            sounddevice._terminate()
            sounddevice._initialize()


@pytest.fixture
def private_pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateServer]:
    """A private PulseAudio, for tests of what has nothing to do with the kind of sound server."""
    with private_server(PrivatePulse, monkeypatch) as server:
        yield server


@pytest.fixture(params=[PrivatePulse, PrivatePipeWire])
def sound_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateServer]:
    """A private sound server, once PulseAudio and once PipeWire."""
    with private_server(request.param, monkeypatch) as server:
        yield server


@pytest.fixture(params=[PrivatePulse, PrivatePipeWire, PrivatePipeWireAlone])
def routed_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateServer]:
    """A private sound server, reached through each of ALSA's plugins."""
    with private_server(request.param, monkeypatch) as server:
        yield server
