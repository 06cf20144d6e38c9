"""Lipstream: clean speech while it is spoken, with the speaker's lips where they are given.

>>> clean = lipstream.enhance(wave, 16_000)  # [n] or [channels, n], NumPy or torch; the same comes back
>>> for clean in lipstream.stream(chunks, 16_000): ...  # the same as it comes; with ``async for`` too
>>> enhancer = lipstream.Enhancer("lite", sample_rate=16000)
>>> out = enhancer.process(chunk, lips=None)  # float32 [n] in and out, late by enhancer.latency_samples
>>> frame = lipstream.LipReader()(picture, time_s)  # of a camera: for process(chunk, lips=[frame])
>>> lipstream.enhance_file("in.wav", "out.wav", video="face.mp4")
>>> with lipstream.LiveSession(lipstream.LiveConfig(camera=0)) as session:
...     session.wait(60.0)
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from .core.arrays import AudioArray
    from .stream.chunks import stream
    from .stream.enhancer import Enhancer, from_pretrained
    from .stream.files import enhance_file
    from .stream.live.config import LiveConfig
    from .stream.live.session import LiveSession
    from .stream.pool import EnhancerPool
    from .stream.video.lips.lip_reader import LipReader
    from .stream.whole import enhance

# ONNX Runtime would write a device's number into the home folder and look up a host of its maker.
# It reads this when it is loaded, which this package does only later.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.2.0"
__all__ = [
    "AudioArray",
    "Enhancer",
    "EnhancerPool",
    "InputError",
    "LipReader",
    "LiveConfig",
    "LiveSession",
    "__version__",
    "enhance",
    "enhance_file",
    "from_pretrained",
    "stream",
]

_LAZY = {
    "AudioArray": ".core.arrays",
    "Enhancer": ".stream.enhancer",
    "EnhancerPool": ".stream.pool",
    "LipReader": ".stream.video.lips.lip_reader",
    "LiveConfig": ".stream.live.config",
    "LiveSession": ".stream.live.session",
    "enhance": ".stream.whole",
    "enhance_file": ".stream.files",
    "from_pretrained": ".stream.enhancer",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: ``import lipstream`` itself costs next to nothing."""
    if name == "stream":  # the folder, which is callable
        return import_module(".stream", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
