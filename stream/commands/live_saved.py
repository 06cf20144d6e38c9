"""What a user may have remembered of how a session is set up: read from and written to a TOML file."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

from ...core.storage import config_folder, written_whole
from ...errors import InputError
from .live_settings import SOUND_FILES, LiveSettings

#: Of the file's form; a file of another one is refused.
VERSION = 1
#: Settings that may name a file.
_FILES = ("input", "output", "camera", "face_model")


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
        raise _unusable(path, f"it cannot be read ({error.strerror})") from error
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
        raise InputError(
            f"the settings cannot be saved in {path} ({error.strerror}): make that place writable, or start "
            "without --save"
        ) from error
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
