"""What a PulseAudio server says of its devices, through ``pactl``. PipeWire answers in the same words."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["input", "output"]
KINDS: tuple[Kind, ...] = ("input", "output")

#: Environment variables by which libpulse, and so ALSA's pulse plugin, is told where to record and to play.
ROUTES: dict[Kind, str] = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}

#: Property by which a stream of ours tells what it was opened on.
_DEVICE_PROPERTY = "lipstream.device"

#: Property that PipeWire's streams have in common where the sound of one comes out of the other.
_GROUP = "node.link-group"

#: What the name of a sink's monitor ends with.
_MONITOR = ".monitor"

#: A frozen server does not answer at all.
_TIMEOUT_S = 2.0


class PulseError(Exception):
    """pactl is not installed, or the server refused or did not answer."""


class PulseSilentError(PulseError):
    """The server did not answer in time. PortAudio would wait for it for half a minute."""


@dataclass(frozen=True)
class PulseDevice:
    """A source or a sink.

    Attributes:
        name, description: for programs, and for people.
        rate: in Hz.
        channels: how many it has.
        monitor_of: the sink that a monitor source listens to, or "".
        master: the source that a remapped source takes its sound from, or "".
        port: the socket in use, such as "analog-output-speaker", or "".
    """

    name: str
    description: str
    rate: int
    channels: int
    monitor_of: str = ""
    master: str = ""
    port: str = ""


@dataclass(frozen=True)
class PulseServer:
    """A server at one moment.

    Attributes:
        name: the server's name and version.
        default_source, default_sink: names of the devices it uses where none is named.
        sources, sinks: its devices.
    """

    name: str
    default_source: str
    default_sink: str
    sources: Sequence[PulseDevice]
    sinks: Sequence[PulseDevice]

    def devices(self, kind: Kind) -> Sequence[PulseDevice]:
        """The sources or the sinks."""
        return self.sources if kind == "input" else self.sinks

    def effective(self, kind: Kind, name: str | None = None) -> PulseDevice | None:
        """The device that a stream gets: the named one, else the environment's, else the default."""
        default = self.default_source if kind == "input" else self.default_sink
        wanted = name or os.environ.get(ROUTES[kind]) or default
        return next((device for device in self.devices(kind) if device.name == wanted), None)


def pactl(*arguments: str) -> str:
    """What pactl prints.

    Raises:
        PulseError: it could not be run, or failed.
        PulseSilentError: it got no answer in time.
    """
    environment = os.environ | {"LC_ALL": "C"}  # other languages put commas into the numbers of its JSON
    try:
        result = subprocess.run(
            ["pactl", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            start_new_session=True,  # Ctrl-C is for this process; it may need pactl to clean up after it
        )
    except FileNotFoundError as error:
        raise PulseError("pactl is not installed (Debian's package pulseaudio-utils)") from error
    except OSError as error:
        raise PulseError(f"pactl cannot be run ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise PulseSilentError(f"the sound server does not answer within {_TIMEOUT_S:g} s") from error
    if result.returncode != 0:
        reason = "; ".join(result.stderr.split("\n")).strip("; ")
        raise PulseError(f"pactl {arguments[0]}: {reason or 'failed'}")
    return result.stdout


def pulse_server() -> PulseServer | None:
    """The sound server of this session; None where there is none that pactl reaches."""
    try:
        info = _json("info")
        sources = _json("list", "sources")
        masters = _masters(sources)
        return PulseServer(
            name=f"{info['server_name']} {info['server_version']}",
            default_source=info["default_source_name"],
            default_sink=info["default_sink_name"],
            sources=[_device(entry, masters.get(entry["name"], "")) for entry in sources],
            sinks=[_device(entry) for entry in _json("list", "sinks")],
        )
    except (PulseError, ValueError, KeyError):
        return None


def server_name() -> str:
    """What the server calls itself; PipeWire says that it is "PulseAudio (on PipeWire ...)".

    Raises:
        PulseError: there is none that pactl reaches.
    """
    for line in pactl("info").splitlines():
        if line.startswith("Server Name: "):
            return line.partition(": ")[2]
    raise PulseError("pactl info names no server")


def default_device(kind: Kind) -> str | None:
    """Name of the device that streams get where none is named; None where no server tells."""
    try:
        return pactl("get-default-source" if kind == "input" else "get-default-sink").strip()
    except PulseError:
        return None


def is_present(kind: Kind, name: str) -> bool | None:
    """Whether a source or sink of this name is there; None where no server tells."""
    states = _states(kind)
    return None if states is None else name in states


def is_running(kind: Kind, name: str) -> bool | None:
    """Whether somebody records a source or plays to a sink; None where it is gone or no server tells."""
    state = (_states(kind) or {}).get(name)
    return None if state is None else state == "RUNNING"


def _states(kind: Kind) -> dict[str, str] | None:
    """The state of each source or sink by its name, such as RUNNING, IDLE, SUSPENDED."""
    try:
        lines = pactl("list", "short", "sources" if kind == "input" else "sinks").splitlines()
    except PulseError:
        return None
    return {fields[1]: fields[-1] for fields in (line.split("\t") for line in lines)}


def route(kind: Kind, name: str) -> dict[str, str]:
    """The environment in which ALSA's plugin of the server opens a stream on a source or sink."""
    told = {"application.name": "Lipstream", _DEVICE_PROPERTY: name}
    # PipeWire itself knows no monitors: such a stream records the sink.
    node = name.removesuffix(_MONITOR) if kind == "input" else name
    target = {"target.object": node, "stream.capture.sink": node != name}
    return {
        ROUTES[kind]: name,
        "PULSE_PROP": " ".join(f'{key}="{value}"' for key, value in told.items()),
        "PIPEWIRE_ALSA": json.dumps(told | target),
    }


def bring_back(kind: Kind) -> None:
    """Move streams of this process back to what they were opened on.

    When another device becomes the default, PulseAudio takes along the streams of the one that was, also
    those that had asked for it by name.

    Raises:
        PulseError: the server does not answer.
    """
    streams, devices = ("source-output", "sources") if kind == "input" else ("sink-input", "sinks")
    names = dict(line.split("\t")[:2] for line in pactl("list", "short", devices).splitlines())
    field = devices.removesuffix("s")
    for stream in _json("list", f"{streams}s"):
        properties = stream.get("properties") or {}
        wanted = properties.get(_DEVICE_PROPERTY)
        is_ours = properties.get("application.process.id") == str(os.getpid())
        if is_ours and wanted in names.values() and names.get(str(stream[field])) != wanted:
            pactl(f"move-{streams}", str(stream["index"]), str(wanted))


def _json(*arguments: str) -> Any:
    return json.loads(pactl("--format=json", *arguments))


def _masters(sources: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Which source others take their sound from, by their names.

    PulseAudio says so itself. On PipeWire such a source is a pair of streams in one group, of which the other
    one records the master; where a group records several sources none is the master.
    """
    named = {entry["name"]: _property(entry, "device.master_device") for entry in sources}
    groups = {entry["name"]: _property(entry, _GROUP) for entry in sources}
    if not any(group for name, group in groups.items() if not named[name]):
        return named
    names = {entry["index"]: entry["name"] for entry in sources}
    recorded: dict[str, set[str]] = {}
    for stream in _json("list", "source-outputs"):
        recorded.setdefault(_property(stream, _GROUP), set()).add(names.get(stream["source"], ""))
    for name, group in groups.items():
        masters = recorded.get(group, set()) if group else set()
        if not named[name] and len(masters) == 1:
            named[name] = next(iter(masters))
    return named


def _property(entry: dict[str, Any], name: str) -> str:
    return str((entry.get("properties") or {}).get(name, ""))


def _device(entry: dict[str, Any], master: str = "") -> PulseDevice:
    # "s16le 2ch 48000Hz"
    _, channels, rate = entry["sample_specification"].split()
    # The field is the sink's name in a source, and in a sink the name of its monitor.
    is_monitor = _property(entry, "device.class") == "monitor"
    return PulseDevice(
        name=entry["name"],
        description=entry.get("description") or entry["name"],
        rate=int(rate.removesuffix("Hz")),
        channels=int(channels.removesuffix("ch")),
        monitor_of=entry.get("monitor_source", "") if is_monitor else "",
        master=master,
        port=entry.get("active_port") or "",
    )
