"""Audio devices: which there are, what is shown of them, and the one that the user means."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

from ...core.native_stderr import native_stderr_silenced
from ...errors import InputError
from .pulse import KINDS, ROUTES, Kind, PulseServer, pulse_server

#: ALSA's plugins that can be sent to any device of the sound server, the preferred one first.
_PLUGINS = ("pulse", "pipewire")

#: ALSA's names for the sound server. Whatever such a device plays, the server resamples and mixes.
SERVER_DEVICES = (*_PLUGINS, "default")

_ADVICE_PORTAUDIO = {
    "linux": "install it (Debian, Ubuntu: apt install libportaudio2; Fedora: dnf install portaudio)",
    "darwin": "install it (brew install portaudio)",
}
_ADVICE_PLUGIN = (
    "install ALSA's plugin for it (Debian, Ubuntu: libasound2-plugins; Fedora: alsa-plugins-pulseaudio or "
    "pipewire-alsa)"
)
_ADVICE_NONE = {
    "linux": "plug one in, or start the sound server (PulseAudio or PipeWire); if it runs, " + _ADVICE_PLUGIN,
    "darwin": "plug one in, and allow this terminal the microphone (System Settings, Privacy & Security)",
    "win32": "plug one in, and allow desktop apps to use the microphone (Settings, Privacy)",
}


@dataclass(frozen=True)
class Device:
    """A device that PortAudio lists, or a source or sink of the sound server that it reaches through ALSA.

    Attributes:
        index: PortAudio's number; it may change when devices come and go.
        name: PortAudio's, or the sound server's.
        host_api: the system that it is reached by.
        inputs, outputs: channels; 0 where it can't do that.
        rate: its default rate in Hz.
        route: name by which the sound server is asked for it, or None.
        description: what the sound server calls it for people, or "".
        is_default: whether it was found as the one that the server gives where none is named.
    """

    index: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    rate: int
    route: str | None = None
    description: str = ""
    is_default: bool = False

    @property
    def label(self) -> str:
        """Host API and name: unique where the name alone is not."""
        return f"{self.host_api}, {self.name}"

    def channels(self, kind: Kind) -> int:
        """How many channels it records or plays."""
        return self.inputs if kind == "input" else self.outputs

    @property
    def is_server(self) -> bool:
        """Whether the sound server itself decides which device this is."""
        return self.host_api == "ALSA" and self.route is None and self.name in SERVER_DEVICES

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {"label": self.label}


def load_portaudio() -> ModuleType:
    """The module `sounddevice`, with PortAudio behind it.

    Raises:
        InputError: PortAudio is not installed.
    """
    try:
        with native_stderr_silenced():  # ALSA complains of every device that a computer could have
            import sounddevice
    except OSError as error:
        advice = _ADVICE_PORTAUDIO.get(sys.platform, "reinstall the Python package sounddevice")
        raise InputError(f"PortAudio was not found: {advice}") from error
    return sounddevice


def list_devices(server: PulseServer | None = None) -> list[Device]:
    """All devices: those of PortAudio, then those of the sound server that it can be sent to.

    Raises:
        InputError: PortAudio is not installed.
    """
    portaudio = load_portaudio()
    try:
        hosts = [host["name"] for host in portaudio.query_hostapis()]
        devices = [_of_portaudio(entry, hosts) for entry in portaudio.query_devices()]
    except portaudio.PortAudioError as error:  # such as while it is being initialised again
        raise InputError(f"PortAudio does not answer ({error}): restart the sound server") from error
    plugins = {device.name: device.index for device in devices if device.host_api == "ALSA"}
    through = next((plugins[name] for name in _PLUGINS if name in plugins), None)
    if server is not None and through is not None:
        devices.extend(_of_server(server, through))
    return devices


def find_device(choice: int | str | None, kind: Kind) -> Device:
    """The device that the user means.

    Args:
        choice: PortAudio's index; or a name, "host API, name", or any part of these or of the sound server's
            description that only one device has, in upper or lower case; None: the system's default.
        kind: what it is for.

    Raises:
        InputError: no such device, several, or none at all; the line lists those there are.
    """
    server = pulse_server()
    devices = [device for device in list_devices(server) if device.channels(kind)]
    if not devices:
        raise InputError(f"there is no audio {kind} device: {no_device_advice()}")
    on_server = {each.name for each in server.devices(kind)} if server is not None else set()
    if choice in on_server and not _reached(devices):
        raise InputError(f"{kind} '{choice}' is a device of the sound server: {_ADVICE_PLUGIN}")
    found = _default(devices, kind) if choice is None else _chosen(choice, devices, kind)
    return _pinned(found, kind, server, devices) if found.is_server and server is not None else found


def require_server_devices() -> None:
    """Nothing, if the devices of the sound server can be chosen.

    Raises:
        InputError: ALSA has no plugin for it, or PortAudio is not installed.
    """
    if not _reached(list_devices(pulse_server())):
        raise InputError(f"ALSA does not reach the sound server: {_ADVICE_PLUGIN}")


def default_index(kind: Kind) -> int | None:
    """PortAudio's index of the device that streams get where none is named; None if there is none."""
    portaudio = load_portaudio()
    try:
        return int(portaudio.query_devices(kind=kind)["index"])
    except (portaudio.PortAudioError, ValueError):
        return None


def no_device_advice() -> str:
    """What to do on a machine without sound devices."""
    return _ADVICE_NONE.get(sys.platform, "plug one in")


def require_rate(device: Device, kind: Kind, rate: int) -> None:
    """Nothing, if the device can run at a rate.

    Raises:
        InputError: it can't; the line names its default rate.
    """
    if not supports_rate(device, kind, rate):
        raise InputError(
            f"{kind} device '{device.label}' does not run at {rate} Hz: leave the rate away for its own, "
            f"{device.rate} Hz"
        )


def supports_rate(device: Device, kind: Kind, rate: int) -> bool:
    """Whether a device can run at a rate in Hz, as PortAudio tells."""
    portaudio = load_portaudio()
    check = portaudio.check_input_settings if kind == "input" else portaudio.check_output_settings
    try:
        with native_stderr_silenced():
            check(
                device=device.index,
                channels=1,
                dtype="float32",
                samplerate=rate,
                extra_settings=extra_settings(device),
            )
    except portaudio.PortAudioError:
        return False
    return True


def extra_settings(device: Device) -> Any:
    """What a host API must be told: shared WASAPI takes no rate but the mixer's unless asked to convert."""
    if device.host_api == "Windows WASAPI":
        return load_portaudio().WasapiSettings(auto_convert=True)
    return None


def _reached(devices: Sequence[Device]) -> bool:
    return any(device.route for device in devices)


def _of_portaudio(entry: dict[str, Any], hosts: Sequence[str]) -> Device:
    return Device(
        index=entry["index"],
        name=entry["name"],
        host_api=hosts[entry["hostapi"]],
        inputs=entry["max_input_channels"],
        outputs=entry["max_output_channels"],
        rate=round(entry["default_samplerate"]),
    )


def _of_server(server: PulseServer, index: int) -> Iterator[Device]:
    for source in server.sources:
        yield Device(
            index, source.name, "PulseAudio", source.channels, 0, source.rate, source.name, source.description
        )
    for sink in server.sinks:
        yield Device(index, sink.name, "PulseAudio", 0, sink.channels, sink.rate, sink.name, sink.description)


def _pinned(device: Device, kind: Kind, server: PulseServer, devices: Sequence[Device]) -> Device:
    """The source or sink that the server would give, by its name, with what PortAudio does not know of it.

    Left to itself, the server moves a stream to whatever becomes the default: a microphone made of our own
    output, for one.
    """
    real = server.effective(kind)
    if real is None:
        return device
    through = next((each.index for each in devices if each.route == real.name), None)
    inputs, outputs = (real.channels, 0) if kind == "input" else (0, real.channels)
    return replace(
        device,
        index=device.index if through is None else through,
        inputs=inputs,
        outputs=outputs,
        rate=real.rate,
        route=None if through is None else real.name,
        description=real.description,
        is_default=ROUTES[kind] not in os.environ,
    )


def _default(devices: Sequence[Device], kind: Kind) -> Device:
    index = default_index(kind)
    for device in devices:
        if device.index == index and device.route is None:
            return device
    raise InputError(f"the system names no default audio {kind} device: choose one of {_names(devices)}")


def _chosen(choice: int | str, devices: Sequence[Device], kind: Kind) -> Device:
    wanted = str(choice).strip()
    if wanted.isdecimal():
        matches = [device for device in devices if device.route is None and device.index == int(wanted)]
    else:
        matches = [device for device in devices if wanted in (device.name, device.label)]
        matches = matches or [device for device in devices if wanted.lower() in _searched(device)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"{kind} device '{choice}' may be any of {_names(matches)}: name one in full")
    raise InputError(f"there is no {kind} device '{choice}': choose one of {_names(devices)}")


def _searched(device: Device) -> str:
    return f"{device.label} {device.description}".lower()


def _names(devices: Sequence[Device]) -> str:
    return "; ".join(
        f"'{device.label}'" if device.route else f"{device.index} '{device.label}'" for device in devices
    )


#: Rates in Hz that devices are asked about.
RATES = (8_000, 16_000, 32_000, 44_100, 48_000, 96_000, 192_000)


@dataclass(frozen=True)
class ListedDevice:
    """A device in a list.

    Attributes:
        device: itself.
        rates: those of `RATES` that it runs at. A sound server resamples, so its devices run at all.
        default_input, default_output: whether it is what streams get where none is named.
    """

    device: Device
    rates: Sequence[int]
    default_input: bool
    default_output: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return self.device.as_dict() | {
            "rates": list(self.rates),
            "default_input": self.default_input,
            "default_output": self.default_output,
        }


def listed_devices() -> list[ListedDevice]:
    """All devices; asking hardware for its rates opens it for a moment.

    Raises:
        InputError: PortAudio is not installed or does not answer.
    """
    defaults = {kind: default_index(kind) for kind in KINDS}
    return [
        ListedDevice(
            device=device,
            rates=_rates(device),
            default_input=device.route is None and device.index == defaults["input"],
            default_output=device.route is None and device.index == defaults["output"],
        )
        for device in list_devices(pulse_server())
    ]


def _rates(device: Device) -> Sequence[int]:
    if device.route is not None or device.is_server:
        return RATES
    kind: Kind = "input" if device.inputs else "output"
    return [rate for rate in RATES if supports_rate(device, kind, rate)]
