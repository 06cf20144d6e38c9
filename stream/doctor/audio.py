"""The doctor's look at sound: the sound server, PortAudio, the default devices, virtual microphones."""

import sys
from collections.abc import Iterator

from ...errors import InputError
from ..devices.devices import Device, find_device, list_devices, load_portaudio, require_server_devices
from ..devices.feedback import is_cable, loudspeaker_warning, refuse_feedback
from ..devices.portaudio_host import within
from ..devices.pulse import KINDS, Kind, PulseError, PulseSilentError, server_name
from ..devices.virtual_device import remove_leftovers
from ..live.threads import ask_for_realtime
from .check import Check, of_error, ok, problem, warn

#: A microphone that runs slower is a Bluetooth headset in its telephone mode.
_GOOD_RATE = 32_000


def check_audio() -> Iterator[Check]:
    """All of it, in the order in which one thing needs the other."""
    if sys.platform == "linux":
        server = _server()
        yield server
        if server.verdict == "problem":
            return  # PortAudio would wait for it
    try:
        yield _portaudio()
    except InputError as error:
        yield of_error("PortAudio", error)
        return
    yield from _devices()
    if sys.platform == "linux":
        yield _priority()
    yield _virtual_mic() if sys.platform == "linux" else _virtual_cable()


def _server() -> Check:
    try:
        return ok("sound server", server_name())
    except PulseSilentError as error:
        return problem("sound server", str(error), "restart it, or log in again")
    except PulseError as error:
        return warn(
            "sound server",
            f"none ({error})",
            "without PulseAudio or PipeWire, a device is for one program at a time",
        )


def _portaudio() -> Check:
    portaudio = load_portaudio()
    hosts = ", ".join(host["name"] for host in portaudio.query_hostapis())
    version = portaudio.get_portaudio_version()[1].partition(",")[0]
    return ok("PortAudio", f"{version.removeprefix('PortAudio ')}, host APIs {hosts}")


def _devices() -> Iterator[Check]:
    """The default devices, each by itself and both together."""
    found: dict[Kind, Device] = {}
    for kind in KINDS:
        try:
            found[kind] = device = find_device(None, kind)
            name = f"{device.label} ({device.description})" if device.description else device.label
            yield ok(kind, f"{name}, {device.rate / 1000:g} kHz")
        except InputError as error:
            yield of_error(kind, error)
    if len(found) == len(KINDS):
        yield from _pair(found["input"], found["output"])


def _pair(source: Device, sink: Device) -> Iterator[Check]:
    if source.rate < _GOOD_RATE:
        yield warn(
            "input",
            f"only {source.rate / 1000:g} kHz, as Bluetooth headsets have while their microphone is in use",
            "choose another microphone as --input",
        )
    try:
        refuse_feedback(source, sink)
    except InputError as error:
        yield of_error("feedback", error, "warn")  # with other devices it works
        return
    if (line := loudspeaker_warning(source, sink)) is not None:
        finding, _, fix = line.partition(": ")
        yield warn("feedback", finding, fix)


def _priority() -> Check:
    """Asked for by a thread of its own, which ends with it."""
    if within(1.0, ask_for_realtime):
        return ok("priority", "real time: audio is computed before all else")
    return Check(
        "priority",
        "ok",
        "as other programs: this user is not granted real time",
        "if sound breaks off while the computer is busy: join the group that is (pipewire or audio; see "
        "/etc/security/limits.d)",
    )


def _virtual_mic() -> Check:
    try:
        server_name()
        removed = remove_leftovers()
    except PulseError as error:
        return warn(
            "virtual microphone",
            f"not possible ({error})",
            "install PulseAudio, or PipeWire's pipewire-pulse",
        )
    try:
        require_server_devices()
    except InputError as error:
        return of_error("virtual microphone", error, "warn")
    left = f"; removed what {removed} crashed processes left" if removed else ""
    return ok("virtual microphone", f"possible, with --virtual-mic{left}")


def _virtual_cable() -> Check:
    cables = [device.name for device in list_devices() if device.outputs and is_cable(device)]
    if cables:
        return ok("virtual microphone", f"{cables[0]} is there: give it as --output")
    program = "BlackHole" if sys.platform == "darwin" else "VB-CABLE"
    return warn("virtual microphone", "no virtual cable", f"to be heard in calls, install {program}")
