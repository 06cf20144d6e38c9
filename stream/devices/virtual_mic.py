"""A microphone that other programs can choose, which gives what is played to it (PulseAudio and PipeWire).

It is two modules of the sound server: a null sink to play into, and a source that gives the sink's sound
under a name of its own, because many programs hide monitors.
"""

import sys
from pathlib import Path

from ...errors import InputError
from .endpoints import Render
from .portaudio import PortAudioSink, StreamSettings
from .pulse import is_running
from .virtual_device import VirtualDevice, load_module, load_null_sink
from .virtual_endpoint import VirtualEndpoint

DEFAULT_NAME = "lipstream"


class VirtualMic(VirtualDevice):
    """The virtual microphone; see `VirtualDevice`."""

    kind = "input"
    title = "virtual microphone"
    otherwise = "give this one another name (--virtual-mic NAME)"

    def __init__(self, name: str = DEFAULT_NAME, folder: Path | None = None) -> None:
        super().__init__(name, folder)

    @property
    def sink(self) -> str:
        """The output to play to."""
        return f"{self.name}-output"

    @property
    def source(self) -> str:
        """The microphone that other programs choose."""
        return self.name

    @property
    def description(self) -> str:
        return f"Virtual microphone {self.name}"

    def listened(self) -> bool | None:
        """Whether a program records the microphone at present; None where no server tells."""
        return is_running("input", self.source)

    def _load_modules(self, token: str) -> None:
        monitor = f"{self.sink}.monitor"
        load_null_sink(self.sink, token, self.description)
        # PulseAudio names the master by itself; PipeWire's streams find each other only after a moment.
        load_module(
            "module-remap-source",
            f"master={monitor} source_name={self.source} channels=1 channel_map=mono source_properties=",
            token,
            self.description,
            f'device.master_device="{monitor}"',
        )


class VirtualMicSink(VirtualEndpoint[PortAudioSink]):
    """An `AudioSink` whose sound other programs find as a microphone, from `start` to `stop`.

    Args:
        settings: how its output is opened.
        name: as for `VirtualMic`.

    Raises:
        InputError: a bad name, or this system has no virtual microphones.
    """

    def __init__(self, settings: StreamSettings, name: str = DEFAULT_NAME) -> None:
        if sys.platform in ("darwin", "win32"):
            program = "BlackHole" if sys.platform == "darwin" else "VB-CABLE"
            raise InputError(
                f"a virtual microphone of its own needs Linux: install {program} and choose it as --output"
            )
        self._mic = VirtualMic(name)
        super().__init__(self._mic, self._mic.sink, settings, PortAudioSink)

    def listened(self) -> bool | None:
        """Whether a program records the microphone at present; None where no server tells."""
        return self._mic.listened()

    def start(self, render: Render) -> None:
        self._start(render)
