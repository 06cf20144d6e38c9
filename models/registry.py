"""Where the shipped weights and graphs of a preset lie. Torch-free."""

from pathlib import Path

from ..errors import InputError
from .config import preset

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


def weights_file(name: str) -> Path:
    """The safetensors file of a preset, shipped or not.

    Raises:
        InputError: there is no such preset.
    """
    return WEIGHTS_FOLDER / f"{preset(name).name}.safetensors"


def graph_files(name: str) -> tuple[Path, Path]:
    """The ONNX graphs of a preset: wave to wave, and lips to embedding; shipped or not.

    Raises:
        InputError: there is no such preset.
    """
    stem = preset(name).name
    return WEIGHTS_FOLDER / f"{stem}.onnx", WEIGHTS_FOLDER / f"{stem}-lips.onnx"


def is_shipped(name: str) -> bool:
    """Whether the graphs of a preset are there."""
    return all(path.is_file() for path in graph_files(name))


def shipped_presets() -> list[str]:
    """The presets whose graphs are there."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob("*.onnx") if not path.stem.endswith("-lips"))


def require_shipped(path: Path, name: str) -> Path:
    """The path, if it is there.

    Raises:
        InputError: it is not; the message names the presets that can be used, and how to make this one.
    """
    if not path.is_file():
        raise InputError(
            f"no weights ship with model '{name}' ({path.name} is missing): use one of "
            f"{', '.join(shipped_presets()) or 'none'}, or train it and run 'lipstream export {name}'"
        )
    return path
