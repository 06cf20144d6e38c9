"""Model folders are written: weights, graphs, card and, last, ``config.json``."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from ...core.storage import written_whole
from ...errors import InputError
from ..config import PRESETS, ModelConfig
from ..lite_avse import LiteAVSEMamba
from ..parents.registry import find_parent, load_parent
from ..tables import to_table
from . import folder as folders
from .card import TRAINING_KEY, card_text
from .checkpoint import load_exact, load_model, load_weights
from .export import export_graphs
from .folder import (
    CARD,
    METADATA_KEY,
    PARENTS,
    STREAMING,
    WEIGHTS,
    form_metadata,
    kind_metadata,
    read_metadata,
)
from .registry import find_folder, require_file, weights_file

#: Of the metadata of weights, what a folder keeps beside what begins with `METADATA_KEY`.
_KEPT = ("step", "scores")


def export(name: str, weights: Path | None, out_dir: Path) -> list[Path]:
    """Write the folder of a model: see `models.store.folder`.

    Args:
        name: a preset, the folder of a model or of a training, an id of the Hub; or one of
            `PARENTS`.
        weights: a safetensors file of it; None for its own.
        out_dir: the folder to write. Its files are replaced, but for a card that is there.

    Returns:
        The graphs, in the order of `StoredModel.graphs`, then weights, card and configuration.

    Raises:
        InputError: no such model, weights that do not fit, or a folder that cannot be written.
    """
    if name in PARENTS:
        if weights is None:
            raise InputError(f"no weights ship with {name}: name a file with --weights, or a training")
        return _export_parent(name, weights, out_dir)
    if name not in PRESETS:
        found = folders.describe(find_folder(name))
        path = weights or require_file(found.weights, name)
        if found.kind in PARENTS:
            return _export_parent(found.kind, path, out_dir)
        net = load_exact(found.config(), path) if weights is None else load_weights(found.config(), path)
    elif weights is None:
        path = weights_file(name)
        net = load_model(name)
    else:
        path, config = weights, PRESETS[name]
        offline = folders.form_of(read_metadata(path), path).get("offline", False)
        net = load_weights(config.offline() if offline else config, path)
    return write_folder(net, read_metadata(path), out_dir)


def write_folder(net: LiteAVSEMamba, metadata: Mapping[str, str], out_dir: Path) -> list[Path]:
    """Write the folder of a model, without graphs where it hears whole recordings.

    Args:
        net: in eval mode.
        metadata: of its weights.
        out_dir: as in `export`.

    Returns:
        As `export`.

    Raises:
        InputError: the folder cannot be written.
    """
    config = net.config
    lag = config.stft.window + config.lookahead_samples
    latency_ms = 1000 * lag / config.stft.sample_rate if config.causal else None
    graphs = export_graphs(net, out_dir) if config.causal else []
    written = _write_weights(net.state_dict(), dict(metadata) | form_metadata(config), out_dir)
    card = card_text(out_dir.resolve().name, _facts(net, latency_ms), _lips(config, metadata), metadata)
    return _finish(graphs, written, card, STREAMING, to_table(config), latency_ms, out_dir)


def _export_parent(kind: str, weights: Path, out_dir: Path) -> list[Path]:
    net = load_parent(kind, weights)
    table = asdict(net.config)
    metadata = read_metadata(weights) if weights.suffix == ".safetensors" else {}
    written = _write_weights(net.state_dict(), metadata | kind_metadata(kind, table), out_dir)
    title = find_parent(kind).title
    facts = f"{title}, {_count(net)} million parameters: it enhances whole recordings at 16 kHz."
    card = card_text(out_dir.resolve().name, facts, "", metadata)
    return _finish([], written, card, kind, table, None, out_dir)


def _write_weights(tensors: Mapping[str, Tensor], metadata: Mapping[str, str], out_dir: Path) -> Path:
    kept = {key: value for key, value in metadata.items() if key in _KEPT or key.startswith(METADATA_KEY)}
    path = out_dir / WEIGHTS
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            save_file({key: value.contiguous() for key, value in tensors.items()}, partial, kept)
    except OSError as error:
        raise InputError(f"cannot write to {out_dir}: {error.strerror}; choose another --out-dir") from error
    return path


def _finish(
    graphs: list[Path],
    weights: Path,
    card: str,
    kind: str,
    table: Mapping[str, object],
    latency_ms: float | None,
    out_dir: Path,
) -> list[Path]:
    readme = out_dir / CARD
    try:
        if not readme.exists():  # one that is there is somebody's work
            with written_whole(readme) as partial:
                partial.write_text(card, encoding="utf-8")
        config = folders.write_config(out_dir, kind, table, latency_ms, [weights, *graphs])
    except OSError as error:
        raise InputError(f"cannot write to {out_dir}: {error.strerror}; choose another --out-dir") from error
    return [*graphs, weights, readme, config]


def _facts(net: LiteAVSEMamba, latency_ms: float | None) -> str:
    config = net.config
    whole = "it hears whole recordings"
    delay = whole if latency_ms is None else f"its output lags its input by {latency_ms:g} ms"
    return (
        f"A speech enhancement model of lipstream at {config.stft.sample_rate / 1000:g} kHz "
        f"with {_count(net)} million parameters, made from preset `{config.name}`; {delay}."
    )


def _lips(config: ModelConfig, metadata: Mapping[str, str]) -> str:
    """A training of `lipstream train` with landmarks leaves encoder C and the gate as they began."""
    training = json.loads(metadata.get(TRAINING_KEY, "{}"))
    if not training or config.gate is None:
        return ""
    if training["started_from_weights"]:
        return "Lips: those of the weights that the training started from"
    return "Lips: not trained, use it without a camera"


def _count(net: nn.Module) -> str:
    return f"{sum(value.numel() for value in net.parameters()) / 1e6:.2f}"
