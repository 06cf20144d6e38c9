"""Model folders: ``config.json``, which says all that builds the model, beside its weights, graphs and card.

    {"format": "lipstream-model", "version": 1, "kind": "liteavse", "model": {...}, "latency_ms": 25.0,
     "sha256": {"model.safetensors": "...", "model.onnx": "..."}}

``model`` holds the fields of `ModelConfig`, or those of a parent's configuration where that is the kind. The
folder of a training, which has no ``config.json``, says the same in the metadata of its ``best.safetensors``.
Torch-free, and at import with the standard library alone, for setup.py.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.storage import written_whole
from ...core.tables import from_table
from ...errors import InputError
from ..config import ModelConfig
from ..tables import to_table

FORMAT, VERSION = "lipstream-model", 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
#: What the names of graphs begin with.
STEM = "model"
#: What a training leaves.
RUN_WEIGHTS = "best.safetensors"
#: The model of `ModelConfig`.
STREAMING = "liteavse"
#: The audio-only parents: the keys of `models.parents.registry.PARENTS`, which needs torch.
PARENTS = ("semamba", "mpsenet", "mpsenet-mamba")
#: Key of the metadata of weights that says what model they are of.
METADATA_KEY = "lipstream"


@dataclass(frozen=True)
class Description:
    """What a folder says of its model.

    Attributes:
        folder: of it.
        kind: `STREAMING` or one of `PARENTS`.
        table: the fields of its configuration.
        weights: the safetensors file.
    """

    folder: Path
    kind: str
    table: Mapping[str, Any]
    weights: Path

    def config(self) -> ModelConfig:
        """The configuration of a streaming model.

        Raises:
            InputError: it is of another kind, or damaged.
        """
        if self.kind != STREAMING:
            raise InputError(
                f"'{self.folder}' holds '{self.kind}', which hears whole recordings: use it with lipstream "
                f"enhance --model {self.folder}, or lipstream evaluate --system {self.folder}"
            )
        return from_table(ModelConfig, self.table, f"'{self.weights.parent / CONFIG}' is damaged")


def is_model_folder(folder: Path) -> bool:
    """Whether a folder is one of a model or of a training."""
    return any((folder / name).is_file() for name in (CONFIG, RUN_WEIGHTS))


def describe(folder: Path) -> Description:
    """What a folder says of its model.

    Raises:
        InputError: it is none of a model, damaged, or of a later version.
    """
    if (folder / CONFIG).is_file():
        content = _content(folder)
        kind, table = content.get("kind"), content.get("model")
        if kind not in (STREAMING, *PARENTS) or not isinstance(table, dict):
            raise _damaged(folder, "it does not say what model it is of")
        return Description(folder, kind, table, folder / WEIGHTS)
    weights = folder / RUN_WEIGHTS
    if not weights.is_file():
        raise InputError(
            f"'{folder}' is no model folder, it has no {CONFIG}: make one with lipstream export, or name the "
            "folder of a training"
        )
    form = form_of(read_metadata(weights), weights)
    if not isinstance(form.get("model"), dict):
        raise InputError(
            f"'{weights}' is of an earlier lipstream: lipstream export {form.get('preset', 'PRESET')} "
            f"--weights {weights} --out-dir DIR makes a model folder of it"
        )
    return Description(folder, form.get("kind", STREAMING), form["model"], weights)


def check_file(path: Path) -> None:
    """Refuse a file of a model folder that is missing, or not what ``config.json`` says of it.

    Raises:
        InputError: it is.
    """
    if not path.is_file():
        fix = f"make it with lipstream export {path.parent} --out-dir DIR"
        if path.suffix == ".onnx":
            fix += ", or use the runtime 'native' or 'eager'"
        raise InputError(f"'{path.parent}' has no {path.name}: {fix}")
    if (path.parent / CONFIG).is_file():
        known = _content(path.parent).get("sha256", {})
        expected = known.get(path.name) if isinstance(known, dict) else None
        if expected not in (None, digest(path)):
            raise InputError(f"'{path}' is damaged (it is not what {CONFIG} says): fetch or export it again")


def write_config(
    folder: Path, kind: str, table: Mapping[str, Any], latency_ms: float | None, files: list[Path]
) -> Path:
    """Write ``config.json``, the last file of a folder: without it the folder is none of a model.

    Args:
        folder: of the model.
        kind: `STREAMING` or one of `PARENTS`.
        table: the fields of its configuration.
        latency_ms: by which its output lags its input; None where it hears whole recordings.
        files: of the folder, whose hashes are kept.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "model": dict(table),
        "latency_ms": latency_ms,
        "sha256": {path.name: digest(path) for path in files},
    }
    with written_whole(folder / CONFIG) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return folder / CONFIG


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(weights: Path) -> dict[str, str]:
    """The metadata of a safetensors file.

    Raises:
        InputError: it is none.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="np") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{weights} is no safetensors file: {error}") from error


def form_of(metadata: Mapping[str, str], weights: Path) -> dict[str, Any]:
    """What the metadata of weights say of their model; nothing where they say nothing.

    Raises:
        InputError: they are damaged.
    """
    try:
        return dict(json.loads(metadata.get(METADATA_KEY, "{}")))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{weights}: its metadata '{METADATA_KEY}' is damaged: use a file that train wrote"
        ) from error


def form_metadata(config: ModelConfig) -> dict[str, str]:
    """Metadata for weights of a streaming model, causal or offline."""
    form = {"preset": config.name, "offline": not config.causal, "model": to_table(config)}
    return {METADATA_KEY: json.dumps(form)}


def kind_metadata(kind: str, table: Mapping[str, Any]) -> dict[str, str]:
    """Metadata for weights of another kind, with the fields of its configuration."""
    return {METADATA_KEY: json.dumps({"kind": kind, "model": dict(table)})}


def _content(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"'{folder}' is no model folder of lipstream: make one with lipstream export")
    if content.get("version") != VERSION:
        raise InputError(
            f"'{folder}' has version {content.get('version')} of model folders and this lipstream reads "
            f"{VERSION}: update lipstream, or export the model again"
        )
    return content


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(f"'{folder / CONFIG}' is damaged ({reason}): fetch or export the model again")
