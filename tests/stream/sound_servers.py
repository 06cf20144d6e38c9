"""Sound servers without a sound card, one of their own for a test: PulseAudio, and PipeWire in its place."""

import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO

from lipstream.core.arrays import Float32

_SINKS = ("noisy", "clean")
_VIRTMIC = "master=clean.monitor source_name=virtmic channels=1 channel_map=mono"


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 60  # for a computer that is busy with much else
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def _accepts(path: Path) -> bool:
    """Whether somebody listens at a socket; a killed server leaves its file."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


class PrivateServer(ABC):
    """Null sinks `noisy` and `clean`, and a microphone `virtmic` that hears `clean`.

    Play into `noisy`, read `noisy.monitor` as the microphone, play into `clean`, record `clean.monitor`. A
    null sink alone runs in blocks of up to 2 s, so a silent low-latency client stays attached to each; after
    `start`, and after the first stream opens, allow about a second before counting anything.

    Attributes:
        name: how the server calls itself, from its beginning.
        programs, packages: what must be installed for it, and the packages of Debian that it comes in.
        plugin, plugin_package: the same for ALSA's way to it.
        environment: variables that lead PortAudio (through ALSA's plugin) and the server's own
            programs to this server.
    """

    name: str
    programs: tuple[str, ...]
    packages: str
    plugin, plugin_package = "pulse", "libasound2-plugins"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "pulse" / "native"
        self._socket.parent.mkdir(mode=0o700)
        alsa = folder / "asound.conf"
        names = (self.plugin, "default")
        plugs = [f"{kind}.{name} {{ type {self.plugin} }}" for kind in ("pcm", "ctl") for name in names]
        alsa.write_text("\n".join([*self._alsa_libraries(), *plugs, ""]))
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'bus'}",
            "PULSE_RUNTIME_PATH": str(self._socket.parent),
            "PULSE_SERVER": f"unix:{self._socket}",
            "ALSA_CONFIG_PATH": str(alsa),
        }
        self._children: list[subprocess.Popen[bytes]] = []
        self._servers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the server and the low-latency clients; again after `kill`."""
        self._servers = self._serve()
        _until(lambda: self._pactl("info").returncode == 0, f"the private {self.name} does not answer")
        self._furnish()
        self._pacat("--playback", "noisy", 48_000, Path("/dev/zero"))
        self.record(Path(os.devnull))

    def _alsa_libraries(self) -> list[str]:
        """Where ALSA finds plugins that are not installed."""
        return []

    @abstractmethod
    def _serve(self) -> "list[subprocess.Popen[bytes]]":
        """Start the server's processes, the one that programs talk to last."""

    def _furnish(self) -> None:
        """Give it its devices."""
        for name in _SINKS:
            self.pactl("load-module", "module-null-sink", f"sink_name={name}", "rate=48000", "channels=1")
        self.pactl("load-module", "module-remap-source", *_VIRTMIC.split())
        self.prefer("sink", _SINKS[0])
        self.prefer("source", "virtmic")

    @property
    def server_pid(self) -> int:
        """The process that programs talk to."""
        return self._servers[-1].pid

    def kill(self) -> None:
        """End the server without a word, as a crash does."""
        self.thaw()
        for server in self._servers:
            server.kill()
        for server in self._servers:
            server.wait()

    def freeze(self) -> None:
        """Stop the server from answering, until `thaw`."""
        self._servers[-1].send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._servers[-1].send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End all that was started here."""
        for child in reversed(self._children):
            child.kill()
        for child in self._children:
            child.wait()

    def play(self, samples: Float32, rate: int = 48_000, sink: str = "noisy") -> "subprocess.Popen[bytes]":
        """Play mono float32 samples over and over, until the process is terminated.

        A busy computer may take longer to hear them than they last.
        """
        path = self._folder / f"play-{len(self._children)}.raw"
        path.write_bytes(samples.astype("<f4").tobytes())
        endless = self._run("sh", "-c", f"while cat '{path}'; do :; done", stdout=subprocess.PIPE)
        assert endless.stdout is not None
        with endless.stdout as pipe:  # closed here: it ends when its reader does
            return self._pacat("--playback", sink, rate, stdin=pipe)

    def record(self, path: Path, source: str = "clean.monitor") -> "subprocess.Popen[bytes]":
        """Record to a file of raw float32 mono at 48 kHz, until the process is terminated."""
        return self._pacat("--record", source, 48_000, path)

    def pactl(self, *arguments: str) -> str:
        """What pactl prints."""
        result = self._pactl(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def prefer(self, kind: str, name: str) -> None:
        """Make a ``source`` or ``sink`` the default; PipeWire's session manager takes its time for it."""

        def is_default() -> bool:
            self._pactl(f"set-default-{kind}", name)  # again and again: too early it is refused or forgotten
            return self._pactl(f"get-default-{kind}").stdout.strip() == name

        _until(is_default, f"{name} does not become the default")

    @abstractmethod
    def add_microphone(self, name: str) -> None:
        """Another source, which is always silent."""

    def names(self, what: str) -> set[str]:
        """Names of its ``sources`` or ``sinks``."""
        return {line.split("\t")[1] for line in self.pactl("list", "short", what).splitlines()}

    def await_names(self, what: str, names: set[str]) -> None:
        """Wait until its ``sources`` or ``sinks`` are these."""
        _until(lambda: self.names(what) == names, f"the {what} do not become {names}")

    def _pactl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | self.environment | {"LC_ALL": "C"}
        return subprocess.run(["pactl", *arguments], env=environment, capture_output=True, text=True)

    def _pacat(
        self, mode: str, device: str, rate: int, *path: Path, stdin: IO[bytes] | None = None
    ) -> "subprocess.Popen[bytes]":
        form = ["--raw", "--format=float32le", f"--rate={rate}", "--channels=1"]
        quick = ["--latency-msec=10", "--process-time-msec=5"]
        return self._run("pacat", mode, f"--device={device}", *form, *quick, *map(str, path), stdin=stdin)

    def _run(
        self, *command: str, stdin: IO[bytes] | None = None, stdout: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        null = subprocess.DEVNULL
        environment = os.environ | self.environment
        child = subprocess.Popen(command, env=environment, stdin=stdin or null, stdout=stdout, stderr=null)
        self._children.append(child)
        return child


class PrivatePulse(PrivateServer):
    """PulseAudio."""

    name = "pulseaudio"
    programs = ("pulseaudio", "pactl", "pacat")
    packages = "pulseaudio and pulseaudio-utils"

    def _serve(self) -> "list[subprocess.Popen[bytes]]":
        protocol = f"--load=module-native-protocol-unix auth-anonymous=1 socket={self._socket}"
        options = ("-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no")
        return [self._run("pulseaudio", *options, protocol)]

    def add_microphone(self, name: str) -> None:
        self.pactl("load-module", "module-null-source", f"source_name={name}", "rate=48000")


class PrivatePipeWire(PrivateServer):
    """PipeWire with its session manager and its stand-in for PulseAudio."""

    name = "PulseAudio (on PipeWire "
    programs = ("dbus-daemon", "pipewire", "wireplumber", "pipewire-pulse", "pactl", "pacat")
    packages = "pipewire, pipewire-pulse, wireplumber, dbus and pulseaudio-utils"

    def _serve(self) -> "list[subprocess.Popen[bytes]]":
        bus, core = self._folder / "bus", self._folder / "pipewire-0"
        for left in (bus, core):
            left.unlink(missing_ok=True)
        address = self.environment["DBUS_SESSION_BUS_ADDRESS"]
        servers = [self._run("dbus-daemon", "--session", f"--address={address}", "--nofork", "--nopidfile")]
        _until(lambda: _accepts(bus), "no D-Bus")
        servers.append(self._run("pipewire"))
        _until(lambda: _accepts(core), "no PipeWire")  # else the session manager would give up
        return [*servers, self._run("wireplumber"), self._run("pipewire-pulse")]

    def add_microphone(self, name: str) -> None:
        virtual = "media.class=Audio/Source/Virtual"
        self.pactl(
            "load-module", "module-null-sink", f"sink_name={name}", virtual, "rate=48000", "channels=1"
        )


class PrivatePipeWireAlone(PrivatePipeWire):
    """PipeWire where ALSA has no pulse plugin, only that of PipeWire."""

    plugin, plugin_package = "pipewire", "pipewire-alsa"

    def _alsa_libraries(self) -> list[str]:
        folders = Path(sys.prefix).glob("pipewire-alsa/usr/lib/*/alsa-lib")  # unpacked there by make
        return [
            f'{kind}_type.pipewire {{ lib "{folder}/libasound_module_{kind}_pipewire.so" }}'
            for folder in folders
            for kind in ("pcm", "ctl")
        ]
