"""What the pipeline asks of an endpoint of the audio: a device, a file or a simulation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ...core.arrays import Float32

#: Takes a block float32 ``[n]`` mono and the time in seconds at which its last sample was captured, as far
#: as known. Called on the device's thread; the block is only valid during the call.
Deliver = Callable[[Float32, float], None]
#: Fills a block float32 ``[n]`` mono; with it comes the time in seconds at which its first sample will
#: sound, as far as known. Called on the device's thread.
Render = Callable[[Float32, float], None]


@dataclass(frozen=True)
class EndpointInfo:
    """What is known of an endpoint before it starts.

    Attributes:
        name: as shown to the user.
        rate: samples a second, nominal.
        block: samples that one call hands over; 0 where that varies.
        latency_s: the device's own latency in seconds, as far as known: from the capture of a block's last
            sample to its delivery, or from the call for a block to the sound of its first sample.
        clock: equal strings mean the same device clock, so no drift between the two.
    """

    name: str
    rate: int
    block: int
    latency_s: float
    clock: str


class Endpoint(Protocol):
    """What sources and sinks have in common."""

    @property
    def info(self) -> EndpointInfo: ...

    @property
    def alive(self) -> bool:
        """False once the device is gone or stopped by itself."""
        ...

    def stop(self) -> None:
        """Call no more; back within a second, and harmless the second time."""
        ...


class AudioSource(Endpoint, Protocol):
    """Where audio comes from."""

    def start(self, deliver: Deliver) -> None:
        """Begin to deliver blocks.

        Raises:
            InputError: it can't be opened; the line names the device and what to do.
        """
        ...


class AudioSink(Endpoint, Protocol):
    """Where audio goes to."""

    def start(self, render: Render) -> None:
        """Begin to ask for blocks.

        Raises:
            InputError: it can't be opened; the line names the device and what to do.
        """
        ...
