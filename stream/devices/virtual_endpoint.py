"""An endpoint on a device that exists only as long as it runs."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Generic, TypeVar

from .endpoints import EndpointInfo
from .portaudio import PortAudioSink, PortAudioSource, StreamSettings
from .virtual_device import RATE, VirtualDevice

Stream = TypeVar("Stream", PortAudioSource, PortAudioSink)


class VirtualEndpoint(Generic[Stream]):
    """What the endpoints of virtual devices have in common: the device is made at each start.

    So it is there again after a restart of the sound server, which has forgotten it.

    Args:
        device: to be made.
        reached_as: the server's name of what is opened of it.
        settings: how it is opened; which device that is, is its own affair.
        make: opens it.
    """

    def __init__(
        self,
        device: VirtualDevice,
        reached_as: str,
        settings: StreamSettings,
        make: Callable[[StreamSettings], Stream],
    ) -> None:
        self._device = device
        rate = settings.rate or RATE
        self._settings = replace(settings, device=reached_as, rate=rate)
        self._make: Callable[[StreamSettings], Stream] = make
        self._info = EndpointInfo(
            name=device.description,
            rate=rate,
            block=settings.block or round(rate / 100),
            latency_s=settings.latency_s,
            clock=f"{device.title} {device.name}",
        )
        self._stream: Stream | None = None
        self._open = ExitStack()

    @property
    def info(self) -> EndpointInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return self._stream is not None and self._stream.alive

    def stop(self) -> None:
        """Take the device away."""
        self._open.close()

    def _start(self, call: Any) -> None:
        """Make the device, and have this called for each of its blocks."""
        self.stop()
        with ExitStack() as opened:
            opened.enter_context(self._device)
            self._stream = self._make(self._settings)
            opened.callback(self._stream.stop)
            self._stream.start(call)
            self._open = opened.pop_all()
