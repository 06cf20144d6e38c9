"""``lipstream live`` at each login and in the menu: a systemd user unit and a desktop file (Linux)."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from ...core.storage import written_whole
from ...errors import InputError

#: The line by which files of this program are known.
_MARK = "# Written by lipstream live --install; --uninstall takes it away."

#: What means something in a quoted argument of a unit; and of a desktop file, where a backslash of that
#: argument is written twice, as in every string there.
_UNIT_ESCAPES = {"\\": r"\\", '"': r"\"", "%": "%%", "$": "$$"}
_DESKTOP_ESCAPES = {"\\": r"\\\\", '"': r"\\" + '"', "%": "%%", "$": r"\\$", "`": r"\\`"}

_UNIT = """{mark}
[Unit]
Description=Lipstream, a clean microphone for calls
After=pipewire-pulse.service wireplumber.service pulseaudio.service

[Service]
ExecStart={program} live
# What a terminal would show every few seconds; errors come on the other stream, into the journal.
StandardOutput=null
# A microphone or the sound server may come later than the login.
Restart=on-failure
RestartSec=10

[Install]
WantedBy=default.target
"""

_DESKTOP = """{mark}
[Desktop Entry]
Type=Application
Name=Lipstream
GenericName=Clean microphone
Comment=Cleans the microphone for calls
Exec={program} live
Icon=audio-input-microphone
Terminal=true
Categories=AudioVideo;Audio;
Keywords=microphone;noise;speech;
"""


def install(program: Path) -> list[Path]:
    """Write both files, or bring those of an earlier version up to date.

    Args:
        program: ``lipstream`` itself.

    Returns:
        Where they are.

    Raises:
        InputError: this is no Linux, a file of somebody else is in the way, or one cannot be written.
    """
    _require_linux()
    written = []
    files = dict(_files(program))
    for path in files:
        if path.exists() and not _is_ours(path):
            raise InputError(f"{path} is not of lipstream live --install: move it away, then try again")
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as partial:
                partial.write_text(content, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}): free it or make room") from error
        written.append(path)
    return written


def uninstall() -> list[Path]:
    """Remove what `install` wrote; gives what was removed, which may be nothing."""
    _require_linux()
    removed = [path for path, _ in _files(Path()) if path.exists() and _is_ours(path)]
    for path in removed:
        path.unlink()
    return removed


def this_program() -> Path:
    """The file ``lipstream`` by which the user started this process, or would start another.

    Raises:
        InputError: there is none.
    """
    started = shutil.which(sys.argv[0])
    found = started if started and Path(started).stem == "lipstream" else shutil.which("lipstream")
    if found is None:
        raise InputError("the program lipstream is not found: install the package, then try again")
    return Path(found).absolute()


def _files(program: Path) -> Iterator[tuple[Path, str]]:
    """Path and content of each."""
    unit = platformdirs.user_config_path() / "systemd" / "user" / "lipstream.service"
    yield unit, _UNIT.format(mark=_MARK, program=_quoted(program, _UNIT_ESCAPES))
    desktop = platformdirs.user_data_path() / "applications" / "lipstream.desktop"
    yield desktop, _DESKTOP.format(mark=_MARK, program=_quoted(program, _DESKTOP_ESCAPES))


def _quoted(program: Path, escapes: dict[str, str]) -> str:
    """A path as systemd and desktops read it, whatever is in its name."""
    return '"' + "".join(escapes.get(letter, letter) for letter in str(program)) + '"'


def _is_ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(_MARK)
    except (OSError, UnicodeDecodeError):
        return False


def _require_linux() -> None:
    if sys.platform != "linux":
        raise InputError(
            "--install is for Linux desktops: elsewhere, put 'lipstream live' among the login items"
        )
