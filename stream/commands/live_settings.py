"""What a user may have remembered of how a session is set up: read from and written to a TOML file."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from ...core.storage import config_folder, written_whole
from ...errors import InputError
from ..controls import parse_strength
from ..live.config import EndpointName, LiveConfig
from ..video.camera.status import parse_camera

#: Of the file's form; a file of another one is refused.
VERSION = 1
#: A name that ends so is a sound file, not a device.
SOUND_FILES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".caf", ".w64")
#: Settings that may name a file.
_FILES = ("input", "output", "camera", "face_model")
#: No camera, in the words of the command line.
NO_CAMERA = "none"


@dataclass(frozen=True)
class LiveSettings:
    """The settings that are remembered, as the command line takes them; None: not chosen.

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

    input: str | None = None
    output: str | None = None
    virtual_mic: str | None = None
    monitor: bool | None = None
    incoming: str | None = None
    channel: int | None = None
    rate: int | None = None
    block: int | None = None
    camera: str | None = None
    face_model: str | None = None
    av_align: float | None = None
    av_offset: float | str | None = None
    model: str | None = None
    runtime: str | None = None
    strength: str | None = None
    low_latency: bool | None = None
    max_latency: float | None = None
    push_to_talk: bool | None = None

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
        named: dict[str, Any] = {
            "input": _endpoint(self.input),
            "output": _endpoint(self.output),
            "virtual_mic": self.virtual_mic,
            "channel": self.channel,
            "sample_rate": self.rate,
            "block": self.block,
            "camera": None if self.camera in (None, NO_CAMERA) else parse_camera(str(self.camera)),
            "face_model": None if self.face_model is None else Path(self.face_model),
            "av_align_ms": self.av_align,
            "av_offset_ms": self.av_offset,
            "model": self.model,
            "runtime": self.runtime,
            "atten_limit_db": None if self.strength is None else parse_strength(self.strength),
            "low_latency": self.low_latency,
            "max_latency_ms": self.max_latency,
        }
        return LiveConfig(**{name: value for name, value in named.items() if value is not None}, **others)


def settings_path() -> Path:
    """The file in which settings are remembered."""
    return config_folder() / "live.toml"


def read_settings() -> LiveSettings | None:
    """The settings remembered; None if there are none.

    Raises:
        InputError: the file cannot be read, or is of another version.
    """
    path = settings_path()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give yourself the right to") from error
    except ValueError as error:  # not TOML, or not even text
        raise _unusable(path, "it is damaged") from error
    if (version := content.pop("version", None)) != VERSION:
        raise _unusable(path, f"it is of version {version}, not {VERSION}")
    kinds = {field.name: field.type for field in fields(LiveSettings)}
    for name, value in content.items():
        if name not in kinds:
            raise _unusable(path, f"there is no setting '{name}'")
        if not _fits(value, kinds[name]):
            raise _unusable(path, f"{name} cannot be {value!r}")
    return replace(LiveSettings(), **content)


def write_settings(settings: LiveSettings) -> Path:
    """Remember settings in place of those before; gives the file they stand in.

    Raises:
        InputError: it cannot be written.
    """
    path = settings_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            partial.write_text("\n".join(_lines(settings)) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): free it or make room") from error
    return path


def _lines(settings: LiveSettings) -> Iterator[str]:
    yield "# lipstream live --save wrote this; lipstream live without options takes it up."
    yield f"version = {VERSION}"
    for name, value in settings.chosen().items():
        if name in _FILES and _is_file(str(value)):
            value = str(Path(value).absolute())  # it is read from anywhere
        # JSON's strings, numbers and truth values are TOML's as well, but for DEL, which no name has.
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _is_file(value: str) -> bool:
    return value.lower().endswith(SOUND_FILES) or Path(value).is_file()


def _unusable(path: Path, reason: str) -> InputError:
    return InputError(
        f"the saved settings in {path} cannot be used, {reason}: delete it, save again with --save, or leave "
        "them aside with --no-saved"
    )


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of the type of a field, all of which may be None as well."""
    if isinstance(value, bool):
        return kind == bool | None
    if isinstance(value, int) and float in get_args(kind):
        return True
    return isinstance(value, kind)


def _option(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    return option if value is True else f"{option} {json.dumps(value, ensure_ascii=False)}"


def _endpoint(value: str | None) -> EndpointName | None:
    """A file, or the name or index of a device."""
    return Path(value) if value is not None and value.lower().endswith(SOUND_FILES) else value
