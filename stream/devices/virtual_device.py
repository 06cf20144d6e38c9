"""Devices of the sound server that are made here, there inside a ``with`` block (PulseAudio and PipeWire)."""

import sys
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Self

from ...core.storage import runtime_folder
from ...errors import InputError
from .cleanup_ledger import LedgerEntry, abandoned_entries
from .devices import require_server_devices
from .pulse import KINDS, Kind, PulseError, PulseSilentError, default_device, is_present, pactl, server_name

#: Letters of a name, at most: servers take 127, with what is put before and behind it.
LONGEST_NAME = 64
#: Rate of all these devices in Hz.
RATE = 48_000

_ENTRY_PREFIX = "virtual-"
_SET_DEFAULT: dict[Kind, str] = {"input": "set-default-source", "output": "set-default-sink"}


class VirtualDevice(ABC):
    """A device made of modules of the sound server: there inside a ``with`` block.

    Its modules carry a token, which is written down before anything is made, in a file that this process
    holds locked. So whatever a crash leaves behind is found and removed at the next start, and no module
    that was not made here ever is.

    Args:
        name: of the device, as programs know it; letters, digits, ``-`` and ``_``.
        folder: where tokens are written down; None: the user's run-time folder.

    Attributes:
        name: the same.
        kind: what it is for other programs.
        title: what it is for people.
        otherwise: what to do where its name is taken.

    Raises:
        InputError: a bad name; on entering: no sound server, or the name is taken.
    """

    kind: Kind
    title: str
    otherwise: str

    def __init__(self, name: str, folder: Path | None = None) -> None:
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise InputError(f"'{name}' cannot name a {self.title}: use letters, digits, - and _")
        if len(name) > LONGEST_NAME:
            raise InputError(
                f"a name of {len(name)} letters is too long for a {self.title}: use {LONGEST_NAME} at most"
            )
        self.name = name
        self._folder = folder or runtime_folder()
        self._entry: LedgerEntry | None = None

    @property
    @abstractmethod
    def description(self) -> str:
        """What other programs show."""

    @abstractmethod
    def _load_modules(self, token: str) -> None:
        """Make it of modules that carry this token."""

    def __enter__(self) -> Self:
        require_sound_server()
        try:
            remove_leftovers(self._folder)
            self._make()
        except (PulseError, OSError) as error:
            self._remove()
            raise InputError(f"the {self.title} could not be made: {error}") from error
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._remove()

    def _make(self) -> None:
        if is_present(self.kind, self.name):
            raise InputError(
                f"there is a {self.title} '{self.name}' already, perhaps of another Lipstream: "
                f"{self.otherwise}"
            )
        defaults = {kind: default_device(kind) for kind in KINDS}
        token = uuid.uuid4().hex
        notes = {"token": token, "input": defaults["input"], "output": defaults["output"]}
        self._entry = LedgerEntry.make(self._folder / f"{_ENTRY_PREFIX}{token}.json", notes)
        self._load_modules(token)
        for kind, name in defaults.items():
            if name and default_device(kind) != name:
                _give_back(kind, name)

    def _remove(self) -> None:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        try:
            _remove_modules(entry.notes)
        except PulseError:  # the server is gone, with the modules, or hangs
            entry.abandon()
        else:
            entry.release()


def require_virtual_devices() -> None:
    """Nothing, if virtual devices can be made and reached.

    Raises:
        InputError: it cannot; the line says what is missing.
    """
    require_sound_server()
    require_server_devices()


def require_sound_server() -> str:
    """The name of the sound server, for virtual microphones need one.

    Raises:
        InputError: there is none, or this is no Linux; the line says what to use instead.
    """
    if sys.platform != "linux":
        cable = "BlackHole" if sys.platform == "darwin" else "VB-CABLE"
        raise InputError(
            f"virtual microphones are made on Linux only: install {cable} and give it as the output"
        )
    try:
        return server_name()
    except PulseError as error:
        raise InputError(
            f"a virtual microphone needs PulseAudio, or PipeWire with pipewire-pulse, running: {error}"
        ) from error


def remove_leftovers(folder: Path | None = None) -> int:
    """Remove the virtual devices of processes that ended without doing so.

    Args:
        folder: where tokens are written down; None: the user's run-time folder.

    Returns:
        How many processes left something.

    Raises:
        PulseError: the sound server does not answer; a later call tries again.
    """
    count = 0
    for entry in abandoned_entries(folder or runtime_folder(), _ENTRY_PREFIX):
        _remove_modules(entry.notes)
        entry.release()
        count += 1
    return count


def load_null_sink(name: str, token: str, description: str) -> None:
    """A sink that fetches little at a time, also while nobody listens.

    Without ``norewinds`` PulseAudio's null sink fetches two seconds at once as long as nobody asks for less:
    then sound overflows here, and who begins to listen hears that first. Older servers do not know the word.
    """
    form = f"sink_name={name} rate={RATE} channels=1 channel_map=mono"
    try:
        load_module("module-null-sink", f"{form} norewinds=1 sink_properties=", token, description)
    except PulseSilentError:
        raise
    except PulseError:
        load_module("module-null-sink", f"{form} sink_properties=", token, description)


def load_module(module: str, arguments: str, token: str, description: str, *properties: str) -> None:
    """Load a module that carries a token, and is called so for people."""
    properties = (f'device.description="{description}"', f"lipstream.token={token}", *properties)
    pactl("load-module", module, f"{arguments}'{' '.join(properties)}'")


def _remove_modules(notes: dict[str, str | None]) -> None:
    """Unload the modules with a token, the last one first; give a default that was one of them back."""
    modules = [line.split("\t") for line in pactl("list", "short", "modules").splitlines()]
    defaults = {kind: default_device(kind) for kind in KINDS}
    for index, *rest in reversed(modules):
        if f"lipstream.token={notes['token']}" in " ".join(rest):
            _unload(index)
    for kind, before in defaults.items():
        after, wanted = default_device(kind), notes[kind]
        if after != before and wanted and after != wanted:
            _give_back(kind, wanted)


def _give_back(kind: Kind, name: str) -> None:
    """Make a device the default again, if it is still there; if not, the server has chosen."""
    with suppress(PulseError):
        pactl(_SET_DEFAULT[kind], name)


def _unload(index: str) -> None:
    try:
        pactl("unload-module", index)
    except PulseSilentError:
        raise
    except PulseError:  # it went by itself in the meantime
        return
