"""The guard against hearing oneself: an input that records what the output plays goes round and round."""

import re

from ...errors import InputError
from .devices import Device
from .pulse import Kind, PulseDevice, PulseServer, pulse_server

#: Virtual cables of macOS and Windows: one device, of which the input gives what the output was given.
_CABLES = ("blackhole", "vb-audio", "cable", "loopback")


def refuse_feedback(source: Device, sink: Device) -> None:
    """Nothing, if the source does not hear the sink.

    Raises:
        InputError: it does; the line says through what.
    """
    through = _monitor_between(source, sink) or _cable_between(source, sink)
    if through is not None:
        raise InputError(
            f"input '{source.name}' hears what is played to output '{sink.name}' ({through}), so sound would "
            "go round and round: choose a microphone as --input, or another --output"
        )


def loudspeaker_warning(source: Device, sink: Device) -> str | None:
    """One line if a microphone is likely to hear the output through the air, else None."""
    server = pulse_server()
    played = _real(server, "output", sink)
    words = f"{sink.name} {sink.description} {played.port if played else ''}".lower()
    is_microphone = _monitored_by(_real(server, "input", source), server) is None
    if "speaker" in words and is_microphone:
        name = sink.description or sink.name
        return f"'{name}' is a loudspeaker, which the microphone may hear: use headphones"
    return None


def is_echo(source: str) -> bool:
    """Whether a source of the sound server gives what is played to some sink, and is no microphone."""
    server = pulse_server()
    return server is not None and _monitored_by(server.effective("input", source), server) is not None


def is_cable(device: Device) -> bool:
    """Whether a device is one end of a virtual cable of macOS or Windows."""
    return any(cable in device.name.lower() for cable in _CABLES)


def _monitor_between(source: Device, sink: Device) -> str | None:
    server = pulse_server()
    played = _real(server, "output", sink)
    if played is None or _monitored_by(_real(server, "input", source), server) != played.name:
        return None
    return f"the monitor of {played.name}"


def _cable_between(source: Device, sink: Device) -> str | None:
    heard, played = (re.sub(r"\b(input|output)\b", "", device.name.lower()) for device in (source, sink))
    return "a virtual cable" if heard == played and is_cable(source) else None


def _real(server: PulseServer | None, kind: Kind, device: Device) -> PulseDevice | None:
    """The server's device behind one that was chosen; None if the server has nothing to do with it."""
    if server is None or not (device.route or device.is_server):
        return None
    return server.effective(kind, device.route)


def _monitored_by(source: PulseDevice | None, server: PulseServer | None) -> str | None:
    """The sink whose sound a source gives, directly or through remapped sources; None for a microphone."""
    sources = {device.name: device for device in server.sources} if server else {}
    seen: set[str] = set()
    while source is not None and source.master and source.name not in seen:
        seen.add(source.name)
        source = sources.get(source.master)
    return source.monitor_of or None if source is not None else None
