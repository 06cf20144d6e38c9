"""Microphones and loudspeakers through PortAudio: mono float32 blocks with times."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import InputError
from .devices import Device, find_device, require_rate
from .endpoints import Deliver, EndpointInfo, Render
from .feedback import is_echo
from .portaudio_host import close_stream, open_stream
from .pulse import Kind, PulseError, bring_back, default_device, is_present

#: Times from the host that lie further from now than this are not believed: Bluetooth needs 0.2 s. ALSA's
#: pulse plugin has been seen to say 0.53 s for sound that came within 0.05 s.
_PLAUSIBLE_S = 0.3


@dataclass(frozen=True)
class StreamSettings:
    """How a device is opened.

    Attributes:
        device: which one, as for `find_device`.
        rate: in Hz; None: the device's own.
        block: samples a call; None: 10 ms; 0: as the host likes, which may vary.
        latency_s: asked of the host. Below 0.03 a PulseAudio server delivers in bursts.
        channel: the one to record, from 1; None: the host's mono mix. Outputs give all channels the same.
    """

    device: int | str | None = None
    rate: int | None = None
    block: int | None = None
    latency_s: float = 0.03
    channel: int | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and self.rate <= 0:
            raise InputError(f"a device cannot run at {self.rate} Hz: give a rate above 0, such as 48000")
        if self.block is not None and self.block < 0:
            raise InputError(f"a block of {self.block} samples is impossible: give 0 or more")
        if not 0 < self.latency_s < 1:
            raise InputError(f"a device latency of {self.latency_s:g} s is out of range: above 0, below 1")
        if self.channel is not None and self.channel < 1:
            raise InputError(f"there is no channel {self.channel}: channels count from 1")


class _PortAudioEndpoint:
    """What source and sink share: a device that is found again at each start, for its index may change."""

    _kind: Kind

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._device = self._find()
        rate = settings.rate or self._device.rate
        block = settings.block if settings.block is not None else round(rate / 100)
        # Two devices, and two streams on one device, are never known to share a clock.
        clock = f"{self._kind}: {self._device.label}"
        self._info = EndpointInfo(self._title, rate, block, settings.latency_s, clock)
        require_rate(self._device, self._kind, rate)
        self._stream: Any = None
        self._finished = threading.Event()
        self._xruns = 0

    @property
    def info(self) -> EndpointInfo:
        """Name of the device that was found last, rate in Hz, block in samples, latency asked for, clock."""
        return replace(self._info, name=self._title)

    @property
    def _title(self) -> str:
        """What the user calls the device: as it was asked for, else as the sound settings show it."""
        device = self._device
        asked = self._settings.device in (device.name, device.label)
        return device.name if asked else device.description or device.name

    @property
    def device(self) -> Device:
        """The device that was found last."""
        return self._device

    @property
    def alive(self) -> bool:
        """Whether it was started and neither stopped nor lost."""
        return self._stream is not None and not self._finished.is_set()

    @property
    def xruns(self) -> int:
        """Overflows or underflows that the host told of since the first start."""
        return self._xruns

    def current_device(self) -> str | None:
        """Name of the device that it belongs on at present; "" if that is gone; None if nobody tells.

        What follows the default belongs on a new one, unless that only gives back what is played. If the
        server has moved it for no such reason, it is brought back.
        """
        device = self._device
        default = default_device(self._kind) if device.is_default else None
        if default not in (None, device.route) and (self._kind == "output" or not is_echo(default)):
            return default
        if device.route is None or (present := is_present(self._kind, device.route)) is None:
            return None
        if not present:
            return ""
        with suppress(PulseError):
            bring_back(self._kind)
        return device.route

    def stop(self) -> None:
        """Close the device; back within a second even if the sound server does not answer."""
        stream, self._stream = self._stream, None
        if stream is not None:
            close_stream(stream)

    def _begin(self, channels: int, callback: Callable[[Any, int, Any, Any], None]) -> None:
        self.stop()
        self._device = self._find()
        # One for each stream: a stream given up for lost may end long after the next one began.
        self._finished = threading.Event()
        self._stream = open_stream(
            self._kind,
            self._device,
            samplerate=self._info.rate,
            blocksize=self._info.block,
            latency=self._settings.latency_s,
            channels=channels,
            dtype="float32",
            callback=callback,
            finished_callback=self._finished.set,
        )

    def _find(self) -> Device:
        device = find_device(self._settings.device, self._kind)
        channel = self._settings.channel
        if channel is not None and channel > device.channels(self._kind):
            raise InputError(
                f"{self._kind} device '{device.label}' has no channel {channel}, only "
                f"{device.channels(self._kind)}"
            )
        return device


class PortAudioSource(_PortAudioEndpoint):
    """A microphone, or any other input: an `AudioSource`.

    Raises:
        InputError: no such device, rate or channel.
    """

    _kind = "input"

    def start(self, deliver: Deliver) -> None:
        """Begin to deliver blocks; see `AudioSource`."""
        channel = self._settings.channel
        column = channel - 1 if channel else 0
        rate = self._info.rate

        def callback(indata: Any, frames: int, times: Any, status: Any) -> None:
            now = time.perf_counter()
            if status.input_overflow:
                self._xruns += 1
            deliver(indata[:, column], now - _waited_s(times, frames / rate))

        # Asked for fewer channels than there are, hosts mix them, or leave some out.
        self._begin(self._device.inputs if channel else 1, callback)


class PortAudioSink(_PortAudioEndpoint):
    """Headphones, a virtual microphone's far end, or any other output: an `AudioSink`.

    Raises:
        InputError: no such device or rate.
    """

    _kind = "output"

    def start(self, render: Render) -> None:
        """Begin to ask for blocks; see `AudioSink`."""
        latency_s = self._settings.latency_s
        mono = np.zeros(max(self._info.block, 4096), np.float32)

        def callback(outdata: Any, frames: int, times: Any, status: Any) -> None:
            nonlocal mono
            now = time.perf_counter()
            if status.output_underflow:
                self._xruns += 1
            if frames > len(mono):
                mono = np.zeros(frames, np.float32)
            block = mono[:frames]
            render(block, now + _lead_s(times, latency_s))
            outdata[:] = block[:, np.newaxis]

        self._begin(min(2, self._device.outputs), callback)


def _waited_s(times: Any, block_s: float) -> float:
    """How long ago the last sample of an input block was captured; 0 where the host's times make no sense.

    Some hosts give 0 for the time of capture, and ALSA's pulse plugin at times one within the block.
    """
    waited_s = times.currentTime - times.inputBufferAdcTime - block_s
    return waited_s if 0.0 < waited_s < _PLAUSIBLE_S else 0.0


def _lead_s(times: Any, latency_s: float) -> float:
    """How long from now the first sample of an output block sounds; the latency if the host does not tell."""
    lead_s = times.outputBufferDacTime - times.currentTime
    return lead_s if 0.0 < lead_s < _PLAUSIBLE_S else latency_s
