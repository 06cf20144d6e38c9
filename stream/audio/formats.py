"""Which container and sample format an output file gets: those of its source wherever they can be written."""

from pathlib import Path

import soundfile

from ...errors import InputError

_CONTAINERS = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
}
#: The formats that error messages name.
FORMATS = "WAV, FLAC, OGG Vorbis, Opus, MP3"
_FINE_SUBTYPES = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def choose_format(output: Path, source: Path, source_format: str, source_subtype: str) -> tuple[str, str]:
    """The libsndfile format and subtype for an output.

    With the extension of its source it gets the format of its source; with another one that names a format,
    that format, at the source's resolution where it can hold it.

    Raises:
        InputError: an extension that names no format that can be written.
    """
    extension = output.suffix.lower()
    if extension == source.suffix.lower() and soundfile.check_format(source_format, source_subtype):
        return source_format, source_subtype
    container = _CONTAINERS.get(extension)
    if container is None or container not in soundfile.available_formats():
        raise InputError(
            f"{output}: the extension {extension!r} names no format that can be written ({FORMATS}): "
            "choose an output such as NAME.wav or NAME.flac"
        )
    if extension == ".opus":
        return container, "OPUS"
    # Only plain samples move to another container: an MP3 should become a plain WAV, not MP3 inside WAV.
    plain = source_subtype.startswith("PCM_") or source_subtype in ("FLOAT", "DOUBLE")
    if plain and soundfile.check_format(container, source_subtype):
        return container, source_subtype
    if source_subtype in _FINE_SUBTYPES and soundfile.check_format(container, "PCM_24"):
        return container, "PCM_24"
    return container, str(soundfile.default_subtype(container))
