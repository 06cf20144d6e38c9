"""A second session beside one for a microphone: it cleans what other programs play before it is heard."""

from collections.abc import Callable

from ...errors import InputError
from ..devices.devices import find_device
from ..devices.portaudio import StreamSettings
from ..devices.virtual_device import require_virtual_devices
from ..devices.virtual_speakers import VirtualSpeakersSource
from .config import DEFAULT_OUTPUT, LiveConfig
from .session import LiveSession


def incoming_session(output: str, config: LiveConfig, tell: Callable[[str], None]) -> LiveSession:
    """A session from virtual speakers, which other programs choose, to an output; not started yet.

    It stays on that output: the default may become the virtual speakers, and they would play to themselves.

    Args:
        output: as for `find_device`, or `DEFAULT_OUTPUT`.
        config: of the session for the microphone, whose model, runtime, strength, block and limits on delay
            it shares.
        tell: as for `LiveSession`.

    Raises:
        InputError: no such output, or it is no device of the sound server.
    """
    require_virtual_devices()
    device = find_device(None if output == DEFAULT_OUTPUT else output, "output")
    if device.route is None:
        raise InputError(
            f"'{device.label}' is not a device of the sound server, which virtual speakers need: "
            "choose another one for --incoming (see lipstream devices)"
        )
    own = LiveConfig(
        output=device.route,
        block=config.block,
        model=config.model,
        runtime=config.runtime,
        atten_limit_db=config.atten_limit_db,
        low_latency=config.low_latency,
        max_latency_ms=config.max_latency_ms,
    )
    source = VirtualSpeakersSource(StreamSettings(block=config.block))
    heard_on = device.description or device.name
    tell(f"in your call, choose the speakers '{source.info.name}': what they play is cleaned, on {heard_on}")
    return LiveSession(own, source=source, on_message=lambda line: tell(f"incoming: {line}"))
