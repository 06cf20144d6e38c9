"""Speakers that other programs can choose, whose sound is heard here in place of being played."""

from .endpoints import Deliver
from .portaudio import PortAudioSource, StreamSettings
from .virtual_device import VirtualDevice, load_null_sink
from .virtual_endpoint import VirtualEndpoint

DEFAULT_NAME = "lipstream-speakers"


class VirtualSpeakers(VirtualDevice):
    """The virtual speakers, a null sink; see `VirtualDevice`."""

    kind = "output"
    title = "virtual speaker"
    otherwise = "end that one first"

    @property
    def monitor(self) -> str:
        """The source that gives what is played to them."""
        return f"{self.name}.monitor"

    @property
    def description(self) -> str:
        return "Lipstream speakers"

    def _load_modules(self, token: str) -> None:
        load_null_sink(self.name, token, self.description)


class VirtualSpeakersSource(VirtualEndpoint[PortAudioSource]):
    """An `AudioSource` of what other programs play to virtual speakers, from `start` to `stop`.

    Args:
        settings: how their sound is recorded.
    """

    def __init__(self, settings: StreamSettings) -> None:
        speakers = VirtualSpeakers(DEFAULT_NAME)
        super().__init__(speakers, speakers.monitor, settings, PortAudioSource)

    def start(self, deliver: Deliver) -> None:
        self._start(deliver)
