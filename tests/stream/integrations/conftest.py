"""Models whose effect on the sound is a known gain."""

from collections.abc import Callable
from typing import Any

import pytest

from lipstream.stream import runtimes


@pytest.fixture
def use_gain(pass_through: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """From then on, every model name loads a runtime that scales by the gain."""

    def use(gain: float) -> None:
        monkeypatch.setattr(runtimes, "load_runtime", lambda model, runtime: pass_through(gain=gain))

    return use
