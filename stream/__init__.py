"""Streaming enhancement: files, arrays, chunks, live sessions. Called, it is `chunks.stream`::

for clean in lipstream.stream(chunks, sample_rate=48_000): ...
"""

import sys
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    """``lipstream.stream`` is this folder and a function, whichever was asked for first."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        from .chunks import stream

        return stream(*arguments, **settings)


sys.modules[__name__].__class__ = _CallableRoom
