"""Systems as a user names them on the command line."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ...errors import InputError
from ...models.config import PRESETS
from ...models.store.folder import PARENTS, Description, describe, is_model_folder
from ...models.store.hub import is_hub_id, pinned
from ...models.store.registry import find_folder, find_parent_folder, has_graphs, hears_whole, require_file
from ...stream.enhancer import Enhancer
from ...stream.lips_bound import bounded_runtime
from ...stream.runtimes import PCS, Runtime, load_runtime
from ..data.recordings import NOISY, Recordings
from ..metrics import SAMPLE_RATE
from ..speed.cost import OFFLINE
from .base import FolderSystem, System
from .ours import ModelSystem, OfflineSystem, ParentSystem
from .peers.process import PeerError
from .peers.system import PeerSystem, find_peer

#: What stands in front of the name of a peer.
PEER = "peer:"

#: A name in front of a system; paths hold "=" as well, but behind one of these.
_NAME = re.compile(r"(?:(?P<name>[^=@/\\]*)=)?(?P<spec>.*)", re.DOTALL)

#: How a model is named: ``MODEL[:RUNTIME][@WEIGHTS]``.
_MODEL = re.compile(r"(?P<model>[^:@]+)(:(?P<runtime>[\w-]+))?(@(?P<weights>.+))?")


def parse_system(text: str, videos: Sequence[str], recordings: Sequence[Recordings]) -> System:
    """Make a system of how a user names it.

    Args:
        text: ``[NAME=]FOLDER`` of enhanced files; ``[NAME=]peer:PEER``, see `peers.system.find_peer`; or
            ``[NAME=]MODEL[:RUNTIME][@WEIGHTS]``: a preset, a model folder or an id of the Hub, on ``onnx``
            (the default), any other runtime, or ``offline``. Weights are a safetensors file, or a folder that
            ``lipstream export`` or ``lipstream train`` wrote. The parents ``semamba``, ``mpsenet`` and
            ``mpsenet-mamba`` need them; on ``pcs`` they stretch the perceptual contrast of what comes out.
            Behind an id of the Hub, a revision of it may stand in place of weights.
        videos: as in `ModelSystem`.
        recordings: what will be enhanced.

    Raises:
        InputError: no such folder, peer, model, runtime or weights.
    """
    name, spec = ("", text) if text.startswith(PEER) or Path(text).is_dir() else _named(text)
    if spec.startswith(PEER):
        return _peer(name, spec.removeprefix(PEER), recordings)
    if Path(spec).is_dir() and not is_model_folder(Path(spec)):
        return FolderSystem(name or Path(spec).resolve().name, Path(spec), recordings)
    match = _MODEL.fullmatch(spec)
    if match is None or name == NOISY:
        raise InputError(f"system '{text}' is neither a folder nor peer:NAME nor MODEL[:RUNTIME][@WEIGHTS]")
    model, runtime = match["model"], match["runtime"] or ""
    weights = Path(match["weights"]) if match["weights"] else None
    if weights is not None and is_hub_id(model) and not (Path(model).is_dir() or weights.exists()):
        model, weights = pinned(model, match["weights"]), None  # it has weights of its own, in revisions
    if weights is not None and weights.is_dir():  # a folder says all that builds its model
        described = describe(weights)
        _check_kind(model, described, text)
        model, weights = str(weights), None
    if model in PARENTS or (model not in PRESETS and hears_whole(model)) or runtime == OFFLINE:
        return _whole(name, model, runtime, weights, spec)
    runtime = runtime or _usual_runtime(model, weights)
    made = bounded_runtime(partial(_runtime, model, runtime, weights))
    clips = [clip for entry in recordings for clip in entry.videos]
    shown = name or (weights.stem if weights else _shown(model))
    return ModelSystem(shown, Enhancer(model, SAMPLE_RATE, made), videos, clips, model, runtime)


def _shown(model: str) -> str:
    """A model's name in reports: a folder's without its path."""
    return model if model in PRESETS else Path(model).resolve().name


def _check_kind(model: str, found: Description, text: str) -> None:
    """In ``MODEL@FOLDER`` the model is what the folder holds.

    Raises:
        InputError: it is another.
    """
    held = found.kind if found.kind in PARENTS else found.config().name
    if model != held:
        raise InputError(f"system '{text}': the folder holds '{held}', not '{model}'")


def _usual_runtime(model: str, weights: Path | None) -> str:
    """Graphs run on onnx; weights without graphs, as a training leaves them, in torch."""
    return "onnx" if weights is None and (model in PRESETS or has_graphs(model)) else "eager"


def _whole(name: str, model: str, runtime: str, weights: Path | None, spec: str) -> System:
    """What hears whole recordings: a parent, or an offline form.

    Raises:
        InputError: no weights, or a runtime that it has not.
    """
    pcs = runtime == PCS and (model in PARENTS or find_parent_folder(model) is not None)
    if runtime not in ("", OFFLINE) and not pcs:
        raise InputError(f"'{spec}' hears whole recordings: it has no runtime '{runtime}'")
    if model in (*PARENTS, *PRESETS):
        if weights is None:
            raise InputError(f"'{spec}' ships no weights, name them: {spec}@WEIGHTS or {spec}@FOLDER")
        if model in PARENTS:
            return ParentSystem(name or weights.stem, model, weights, pcs=pcs)
        return OfflineSystem(name or f"{model} offline", PRESETS[model].offline(), weights, model)
    found = describe(find_folder(model))
    path = require_file(found.weights, model)
    if found.kind in PARENTS:
        return ParentSystem(name or _shown(model), found.kind, path, model, pcs)
    return OfflineSystem(name or _shown(model), found.config().offline(), path, model)


def _named(text: str) -> tuple[str, str]:
    """The name of a system, empty where it has none, and the system."""
    match = _NAME.fullmatch(text)
    assert match is not None  # it fits any text
    return match["name"] or "", match["spec"]


def _peer(name: str, key: str, recordings: Sequence[Recordings]) -> PeerSystem:
    entry = find_peer(key)
    try:
        return PeerSystem(name or entry.name, entry, recordings)
    except PeerError as error:
        raise InputError(f"peer '{key}': {error.reason}") from error


def _runtime(model: str, name: str, weights: Path | None) -> Runtime:
    if weights is None:
        return load_runtime(model, name)
    if name == "eager":
        from ...models.store.checkpoint import load_model
        from ...stream.runtimes.eager import EagerRuntime

        return EagerRuntime(load_model(model, weights))
    raise InputError(
        f"a file of weights goes with the runtimes eager and offline, not '{name}': make a folder of it with "
        f"lipstream export {model} --weights {weights} --out-dir DIR, and name {model}@DIR"
    )
