"""The virtual microphone as the output of a session."""

import sys
from contextlib import ExitStack
from dataclasses import replace

from ...errors import InputError
from ..audio.endpoints import EndpointInfo, Render
from ..audio.portaudio import PortAudioSink, StreamSettings

#: The rate of the virtual microphone, unless another is asked for.
RATE = 48_000


class VirtualMicSink:
    """An `AudioSink` whose sound other programs find as a microphone, from `start` to `stop`.

    Started again, it makes the microphone anew: a sound server that was restarted has forgotten it.

    Args:
        settings: how its output is opened; which device that is, is its own affair.

    Raises:
        InputError: this system has no virtual microphones.
    """

    def __init__(self, settings: StreamSettings) -> None:
        if sys.platform in ("darwin", "win32"):
            program = "BlackHole" if sys.platform == "darwin" else "VB-CABLE"
            raise InputError(
                f"a virtual microphone of its own needs Linux: install {program} and choose it as --output"
            )
        from ..audio.virtual_mic import VirtualMic

        self._mic = VirtualMic()
        rate = settings.rate or RATE
        self._settings = replace(settings, device=self._mic.sink, rate=rate)
        self._info = EndpointInfo(
            name=self._mic.description,
            rate=rate,
            block=settings.block or round(rate / 100),
            latency_s=settings.latency_s,
            clock=f"virtual microphone {self._mic.source}",
        )
        self._sink: PortAudioSink | None = None
        self._open = ExitStack()

    @property
    def info(self) -> EndpointInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return self._sink is not None and self._sink.alive

    def start(self, render: Render) -> None:
        self.stop()
        with ExitStack() as opened:
            opened.enter_context(self._mic)
            self._sink = PortAudioSink(self._settings)
            opened.callback(self._sink.stop)
            self._sink.start(render)
            self._open = opened.pop_all()

    def stop(self) -> None:
        self._open.close()
