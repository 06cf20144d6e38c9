"""The commands ``lipstream devices`` and ``lipstream doctor``. Light at import."""

import argparse
import json
from typing import TYPE_CHECKING

from ...core.options import add_option, field_of
from ...errors import InputError
from ..file_options import FileOptions

if TYPE_CHECKING:
    from ..devices.devices import ListedDevice

EXIT_PROBLEM = 1


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    devices = subparsers.add_parser(
        "devices",
        help="list microphones and outputs",
        description="List what can be given to lipstream live as --input and --output: by number, by name, "
        "or by any part of the line that no other device has. > and < mark the default input and output.",
    )
    devices.set_defaults(run=list_devices)
    devices.add_argument("--json", action="store_true", help="print JSON")

    doctor = subparsers.add_parser(
        "doctor",
        help="check sound, video, models and speed for live use",
        description="Check what live use needs, and say how to mend what is wrong. "
        "The exit code is 1 if something keeps it from working.",
    )
    doctor.set_defaults(run=diagnose)
    doctor.add_argument(
        "--camera",
        metavar="C",
        help="open this camera (index, URL or video file) and measure its rate for a second (default: none)",
    )
    add_option(doctor, field_of(FileOptions, "face_model"))
    doctor.add_argument("--json", action="store_true", help="print JSON")


def list_devices(args: argparse.Namespace) -> int:
    """Print the devices."""
    from ..devices.devices import listed_devices, no_device_advice

    found = listed_devices()
    if args.json:
        print(json.dumps([entry.as_dict() for entry in found], indent=2))
        return 0
    if not found:
        raise InputError(f"there are no audio devices: {no_device_advice()}")
    for entry in found:
        print(_line(entry))
    return 0


def diagnose(args: argparse.Namespace) -> int:
    """Print the diagnosis.

    Returns:
        0, or 1 if there is a problem.
    """
    from ..doctor.report import diagnose as examine

    diagnosis = examine(args.camera, args.face_model)
    print(json.dumps(diagnosis.as_dict(), indent=2) if args.json else diagnosis.text())
    return EXIT_PROBLEM if diagnosis.verdict == "problem" else 0


def _line(entry: "ListedDevice") -> str:
    device = entry.device
    number = "" if device.route else str(device.index)
    marks = (">" if entry.default_input else " ") + ("<" if entry.default_output else " ")
    description = f" ({device.description})" if device.description else ""
    channels = f"{device.inputs} in, {device.outputs} out"
    rates = ", ".join(f"{rate / 1000:g}" for rate in entry.rates)
    return (
        f"{marks} {number:>3} {device.label}{description}: {channels}, {device.rate / 1000:g} kHz "
        f"(runs at {rates} kHz)"
    )
