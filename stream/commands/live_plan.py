"""Where the clean voice goes if the user has not said so: never unasked onto loudspeakers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from .live_settings import NO_CAMERA, VIRTUAL_MIC, LiveSettings, endpoint_of

Tell = Callable[[str], None]
#: Asks a question on the terminal and gives the answer.
Ask = Callable[[str], str]

_MONITOR_WORDS = "--monitor plays it to yourself, on headphones"


def with_output(settings: "LiveSettings", tell: Tell, ask: Ask | None) -> "LiveSettings":
    """The settings with an output: a microphone for other programs where one can be had.

    Where nobody has said where to, a voice on loudspeakers would howl, or be an echo of oneself.

    Args:
        settings: as the user gave them.
        tell: told in lines what was found, and what is done with it.
        ask: asks the user; None where there is no terminal.

    Raises:
        InputError: there is none, and the user does not want to hear it; or there is no microphone.
    """
    if settings.names_output:
        return settings
    if not isinstance(endpoint_of(settings.input), Path):
        from ..devices.devices import find_device

        find_device(settings.input, "input")  # nothing is told of a voice where there is no microphone
    chosen, obstacle = _microphone_for_others(settings)
    if ask is not None:
        for line in _found(settings, obstacle):
            tell(line)
    if chosen is not None:
        tell(f"{_told_to_choose(chosen)} ({_MONITOR_WORDS})")
        return chosen
    if ask is not None and ask("Play the clean voice to yourself, on headphones? [y/N] ").strip().lower() in (
        "y",
        "yes",
    ):
        return replace(settings, monitor=True)
    raise InputError(
        f"the clean voice has nowhere to go: {obstacle}; {_MONITOR_WORDS}, --output names a device or a file"
    )


def _microphone_for_others(settings: "LiveSettings") -> tuple["LiveSettings | None", str]:
    """Settings that give the voice to other programs; or None, and what stands in the way."""
    from ..devices.devices import list_devices
    from ..devices.feedback import is_cable
    from ..devices.virtual_device import require_virtual_devices

    try:
        require_virtual_devices()
        return replace(settings, virtual_mic=VIRTUAL_MIC), ""
    except InputError as error:
        obstacle = str(error)
    cables = [device.label for device in list_devices() if device.outputs and is_cable(device)]
    return (replace(settings, output=cables[0]) if cables else None), obstacle


def _told_to_choose(settings: "LiveSettings") -> str:
    if settings.virtual_mic:
        from ..devices.virtual_mic import VirtualMic

        name = VirtualMic(settings.virtual_mic).description
        return f"in your call, choose the microphone '{name}': it has your clean voice"
    return f"your clean voice goes into the cable '{settings.output}': choose its other end in your call"


def _found(settings: "LiveSettings", obstacle: str) -> Iterator[str]:
    """What there is, in plain words."""
    from ..devices.devices import find_device
    from ..video.camera.names import camera_name, listed_cameras

    if settings.input is None:
        device = find_device(None, "input")
        yield f"microphone: {device.description or device.name} (another one: --input, see lipstream devices)"
    else:
        yield f"microphone: {Path(settings.input).name}"
    cameras = [f"{camera_name(index)} ({index})" for index in listed_cameras()]
    if settings.camera in (None, NO_CAMERA):
        yield f"camera: {', '.join(cameras)}; not used without --camera" if cameras else "camera: none found"
    yield "virtual microphone: can be made" if not obstacle else f"virtual microphone: not here, {obstacle}"
