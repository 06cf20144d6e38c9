"""Systems as a user names them on the command line."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ...errors import InputError
from ...stream.enhancer import Enhancer
from ...stream.lips_bound import bounded_runtime
from ...stream.runtimes import Runtime, load_runtime
from ..data.recordings import NOISY, Recordings
from ..metrics import SAMPLE_RATE
from ..speed.cost import OFFLINE
from .base import FolderSystem, System
from .ours import ModelSystem, OfflineSystem, ParentSystem
from .peers.process import PeerError
from .peers.system import PeerSystem, find_peer

#: What stands in front of the name of a peer.
PEER = "peer:"

#: The parents, which are no presets: the keys of `models.parents.registry.PARENTS`, which needs torch.
PARENTS = ("semamba", "mpsenet", "mpsenet-mamba")

#: A name in front of a system; paths hold "=" as well, but behind one of these.
_NAME = re.compile(r"(?:(?P<name>[^=@/\\]*)=)?(?P<spec>.*)", re.DOTALL)

#: How a model is named: ``MODEL[:RUNTIME][@WEIGHTS]``.
_MODEL = re.compile(r"(?P<model>[\w-]+)(:(?P<runtime>[\w-]+))?(@(?P<weights>.+))?")


def parse_system(text: str, videos: Sequence[str], recordings: Sequence[Recordings]) -> System:
    """Make a system of how a user names it.

    Args:
        text: ``[NAME=]FOLDER`` of enhanced files; ``[NAME=]peer:PEER``, see `peers.system.find_peer`; or
            ``[NAME=]MODEL[:RUNTIME][@WEIGHTS]``: a preset, on ``onnx`` (the default), any other runtime, or
            ``offline``. Weights are a safetensors file, or a folder that ``lipstream export`` wrote. The
            parents ``semamba``, ``mpsenet`` and ``mpsenet-mamba`` have weights alone.
        videos: as in `ModelSystem`.
        recordings: what will be enhanced.

    Raises:
        InputError: no such folder, peer, model, runtime or weights.
    """
    name, spec = ("", text) if text.startswith(PEER) or Path(text).is_dir() else _named(text)
    if spec.startswith(PEER):
        return _peer(name, spec.removeprefix(PEER), recordings)
    if Path(spec).is_dir():
        return FolderSystem(name or Path(spec).resolve().name, Path(spec), recordings)
    match = _MODEL.fullmatch(spec)
    if match is None or name == NOISY:
        raise InputError(f"system '{text}' is neither a folder nor peer:NAME nor MODEL[:RUNTIME][@WEIGHTS]")
    weights = Path(match["weights"]) if match["weights"] else None
    model = match["model"]
    if model in PARENTS:
        if weights is None or match["runtime"]:
            raise InputError(f"system '{text}': a parent needs weights and no runtime: {model}@WEIGHTS")
        return ParentSystem(name or weights.stem, model, weights)
    if match["runtime"] == OFFLINE:
        if weights is None:
            raise InputError(f"system '{text}': the offline form ships no weights, name them: {spec}@WEIGHTS")
        return OfflineSystem(name or f"{model} offline", model, weights)
    graphs = weights is not None and weights.is_dir()
    runtime_name = match["runtime"] or ("onnx" if weights is None or graphs else "eager")
    runtime = bounded_runtime(partial(_runtime, model, runtime_name, weights))
    clips = [clip for entry in recordings for clip in entry.videos]
    shown = name or (weights.stem if weights and not graphs else model)
    return ModelSystem(shown, Enhancer(model, SAMPLE_RATE, runtime), videos, clips, model, runtime_name)


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
    if name == "onnx":
        from ...models.store.registry import graph_files
        from ...stream.runtimes.onnx import OnnxRuntime

        graph, *others = graph_files(model, weights)
        if not graph.is_file():
            raise InputError(f"'{weights}' holds no {graph.name}: make it with 'lipstream export {model}'")
        return OnnxRuntime(graph, *others)
    if name == "eager":
        from ...models.store.checkpoint import load_model
        from ...stream.runtimes.eager import EagerRuntime

        return EagerRuntime(load_model(model, weights))
    raise InputError(f"weights go with the runtimes onnx (a folder of graphs), eager, offline, not '{name}'")
