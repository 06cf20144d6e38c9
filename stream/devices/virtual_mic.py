"""A microphone that other programs can choose, which gives what is played to it (PulseAudio and PipeWire).

It is two modules of the sound server: a null sink to play into, and a source that gives the sink's sound
under a name of its own, because many programs hide monitors.
"""

import sys
import uuid
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from ...core.storage import runtime_folder
from ...errors import InputError
from .cleanup_ledger import LedgerEntry, abandoned_entries
from .devices import require_server_devices
from .endpoints import EndpointInfo, Render
from .portaudio import PortAudioSink, StreamSettings
from .pulse import KINDS, Kind, PulseError, PulseSilentError, default_device, is_running, pactl, server_name

DEFAULT_NAME = "lipstream"

_RATE = 48_000
_ENTRY_PREFIX = "virtual-mic-"
_SET_DEFAULT: dict[Kind, str] = {"input": "set-default-source", "output": "set-default-sink"}


class VirtualMic:
    """The virtual microphone: there inside a ``with`` block.

    Its modules carry a token, which is written down before anything is made, in a file that this process
    holds locked. So whatever a crash leaves behind is found and removed at the next start, and no module
    that was not made here ever is.

    Args:
        name: of the microphone, as programs know it; letters, digits, ``-`` and ``_``.
        folder: where tokens are written down; None: the user's run-time folder.

    Raises:
        InputError: a bad name; on entering: no sound server, or the name is taken.
    """

    def __init__(self, name: str = DEFAULT_NAME, folder: Path | None = None) -> None:
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise InputError(f"'{name}' cannot name a virtual microphone: use letters, digits, - and _")
        self._name = name
        self._folder = folder or runtime_folder()
        self._entry: LedgerEntry | None = None

    @property
    def sink(self) -> str:
        """The output to play to."""
        return f"{self._name}-output"

    @property
    def source(self) -> str:
        """The microphone that other programs choose."""
        return self._name

    @property
    def description(self) -> str:
        """What other programs show."""
        return f"Virtual microphone {self._name}"

    def __enter__(self) -> Self:
        require_sound_server()
        try:
            remove_leftovers(self._folder)
            self._make()
        except (PulseError, OSError) as error:
            self._remove()
            raise InputError(f"the virtual microphone could not be made: {error}") from error
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._remove()

    def listened(self) -> bool | None:
        """Whether a program records the microphone at present; None where no server tells."""
        return is_running("input", self.source)

    def _make(self) -> None:
        sources = [line.split("\t")[1] for line in pactl("list", "short", "sources").splitlines()]
        if self.source in sources:
            raise InputError(
                f"there is a microphone '{self.source}' already, perhaps of another Lipstream: "
                "give this one another name (--virtual-mic NAME)"
            )
        defaults = {kind: default_device(kind) for kind in KINDS}
        token = uuid.uuid4().hex
        notes = {"token": token, "input": defaults["input"], "output": defaults["output"]}
        self._entry = LedgerEntry.make(self._folder / f"{_ENTRY_PREFIX}{token}.json", notes)
        monitor = f"{self.sink}.monitor"
        _load_null_sink(self.sink, token, self.description)
        # PulseAudio names the master by itself; PipeWire's streams find each other only after a moment.
        _load(
            "module-remap-source",
            f"master={monitor} source_name={self.source} channels=1 channel_map=mono source_properties=",
            token,
            self.description,
            f'device.master_device="{monitor}"',
        )
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


def require_virtual_mic() -> None:
    """Nothing, if a virtual microphone can be made and played to.

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
    """Remove the virtual microphones of processes that ended without doing so.

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


def _load_null_sink(name: str, token: str, description: str) -> None:
    """A sink that fetches little at a time, also while nobody listens.

    Without ``norewinds`` PulseAudio's null sink fetches two seconds at once as long as nobody asks for less:
    then sound overflows here, and who begins to listen hears that first. Older servers do not know the word.
    """
    form = f"sink_name={name} rate={_RATE} channels=1 channel_map=mono"
    try:
        _load("module-null-sink", f"{form} norewinds=1 sink_properties=", token, description)
    except PulseSilentError:
        raise
    except PulseError:
        _load("module-null-sink", f"{form} sink_properties=", token, description)


def _load(module: str, arguments: str, token: str, description: str, *properties: str) -> None:
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


#: The rate of the virtual microphone, unless another is asked for.
RATE = 48_000


class VirtualMicSink:
    """An `AudioSink` whose sound other programs find as a microphone, from `start` to `stop`.

    Started again, it makes the microphone again: a sound server that was restarted has forgotten it.

    Args:
        settings: how its output is opened; which device that is, is its own affair.
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

    def listened(self) -> bool | None:
        """Whether a program records the microphone at present; None where no server tells."""
        return self._mic.listened()

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
