"""All devices with what a list of them shows: the rates they run at, and which are the defaults."""

from collections.abc import Sequence
from dataclasses import dataclass

from .devices import Device, default_index, list_devices, supports_rate
from .pulse import KINDS, Kind, pulse_server

#: Rates in Hz that devices are asked about.
RATES = (8_000, 16_000, 32_000, 44_100, 48_000, 96_000)


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
