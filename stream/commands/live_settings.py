"""How a live session is set up, as a user says it: the options of the command line. Light at import."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...core.options import changed, field_of, filled, option, option_fields
from ...errors import InputError
from ..controls import parse_strength, strength_text
from ..defaults import FACE_MODEL, MODEL, RUNTIME, STRENGTH, av_offset
from ..live.config import DEFAULT_OUTPUT, EndpointName, LiveConfig
from ..video.camera.names import Camera, parse_camera

#: A name that ends so is a sound file, not a device.
SOUND_FILES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".caf", ".w64")
#: No camera, in the words of the command line.
NO_CAMERA = "none"
#: The virtual microphone's name, where --virtual-mic gives none.
VIRTUAL_MIC = "lipstream"
#: Delay in ms for --av-align without a number: a webcam's delay, and one frame at 25 fps.
_ALIGN_MS = 120.0


def _setting(group: str, fills: str | None, metadata: Mapping[str, Any]) -> Any:
    """A field that nobody has chosen yet, with its option.

    Args:
        group: title of the options that it is among.
        fills: the field of `LiveConfig` that it is for; None: others look at it.
        metadata: see `option`.
    """
    whose = None if fills is None else field_of(LiveConfig, fills)
    return field(default=None, metadata=changed(metadata, group=group, fills=whose))


def _strength(text: str) -> str:
    """A strength as it is remembered: by its word, if it has one."""
    return strength_text(parse_strength(text))


@dataclass(frozen=True)
class LiveSettings:
    """The settings that are remembered, as the command line takes them; None: not chosen.

    A field becomes an option, a key of the file, and what is named in `LiveConfig`.

    Attributes:
        input, output, camera: device or file, as a user writes it.
        virtual_mic: its name.
        monitor: play the clean voice on the output, so that one hears oneself.
        incoming: the output on which what other programs play is heard, cleaned.
        strength: in words or dB.
        push_to_talk: begin muted.
        channel, rate, block, face_model, model, runtime, low_latency, max_latency, av_align, av_offset: as
            in `LiveConfig`.
    """

    input: str | None = _setting(
        "sound",
        "input",
        option(
            "microphone: index or part of a name (see lipstream devices), or a sound file "
            "(default: the system's)",
            "D",
        ),
    )
    virtual_mic: str | None = _setting(
        "sound",
        "virtual_mic",
        option(
            "give the clean voice to other programs as a microphone of this name (Linux; {alone} without "
            "NAME). The default where the system can do it",
            "NAME",
            without_value=VIRTUAL_MIC,
        ),
    )
    output: str | None = _setting(
        "sound", "output", option("play it on this device instead, or write it to a sound file", "D")
    )
    monitor: bool | None = _setting(
        "sound", None, option("play it on the default output instead: hear yourself, on headphones")
    )
    incoming: str | None = _setting(
        "sound",
        None,
        option(
            "clean what you hear as well: what programs play to the 'Lipstream speakers' is heard on this "
            "output (Linux; without D the default one)",
            "D",
            without_value=DEFAULT_OUTPUT,
        ),
    )
    push_to_talk: bool | None = _setting(
        "sound", None, option("begin muted; the space bar switches between talking and muted")
    )
    channel: int | None = _setting(
        "sound", "channel", option("channel of the input, from 1 (default: a mix)", "N")
    )
    rate: int | None = _setting(
        "sound", "sample_rate", option("rate of both devices (default: their own)", "HZ")
    )
    block: int | None = _setting(
        "sound", "block", option("samples of a device's block (default: 10 ms)", "N")
    )
    camera: str | None = _setting(
        "video",
        "camera",
        option(
            "use lips, seen by the camera of this index or URL, or in a video file ({alone} without C; "
            "default: none, audio only)",
            "C",
            without_value="0",
        ),
    )
    face_model: str | None = _setting("video", "face_model", FACE_MODEL)
    av_offset: float | str | None = _setting(
        "video",
        "av_offset_ms",
        av_offset("as lipstream calibrate measured it, and a line where they are far off"),
    )
    av_align: float | None = _setting(
        "video",
        "av_align_ms",
        option(
            "with --camera: let the sound wait until its lips are there ({alone} without MS; "
            "default: {default})",
            "MS",
            show=lambda ms: f"{ms:g}" if ms else "never wait",
            without_value=_ALIGN_MS,
        ),
    )
    model: str | None = _setting("processing", "model", MODEL)
    runtime: str | None = _setting("processing", "runtime", RUNTIME)
    strength: str | None = _setting("processing", "atten_limit_db", changed(STRENGTH, parse=_strength))
    low_latency: bool | None = _setting(
        "processing", "low_latency", option("buffer less audio: for computers that never stutter")
    )
    max_latency: float | None = _setting(
        "processing",
        "max_latency_ms",
        option("the most that may be added to the devices' delay, in ms", "MS"),
    )

    @property
    def names_output(self) -> bool:
        """Whether it says where the clean voice goes."""
        return bool(self.output or self.virtual_mic or self.monitor)

    def chosen(self) -> dict[str, Any]:
        """The settings that were chosen, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def words(self) -> str:
        """The settings that were chosen, in one line as options of the command line."""
        return " ".join(_option(name, value) for name, value in self.chosen().items()) or "none"

    def config(self, **others: Any) -> LiveConfig:
        """The configuration of a session, with what is not remembered.

        Raises:
            InputError: a value out of range, a camera that is none, or two settings that exclude each other.
        """
        if self.virtual_mic and self.monitor:
            raise InputError(
                "--monitor plays the voice to yourself, --virtual-mic gives it to other programs: choose one"
            )
        named = {
            whose.name: _MAKE[whose.name](value) if whose.name in _MAKE else value
            for setting in option_fields(LiveSettings)
            if (whose := filled(setting)) and (value := getattr(self, setting.name)) is not None
        }
        return LiveConfig(**named | others)


def endpoint_of(value: str | None) -> EndpointName | None:
    """A file, or the name or index of a device."""
    return Path(value) if value is not None and value.lower().endswith(SOUND_FILES) else value


def _camera(value: str) -> Camera | None:
    return None if value == NO_CAMERA else parse_camera(value)


#: What `LiveConfig` has in another form than a user writes it.
_MAKE: Mapping[str, Callable[[str], Any]] = {
    "input": endpoint_of,
    "output": endpoint_of,
    "camera": _camera,
    "face_model": Path,
    "atten_limit_db": parse_strength,
}


def _option(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    return option if value is True else f"{option} {json.dumps(value, ensure_ascii=False)}"
