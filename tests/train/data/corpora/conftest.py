"""Tiny sound files and films, to build the layouts of the real corpora from."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lipstream.train.data.corpora.scan import Adapter, Measured, measure_items

Write = Callable[..., None]


@pytest.fixture
def sounds(tmp_path: Path) -> Write:
    """Writes sound files of 0.1 s by their names below the test's folder."""

    def write(*names: str, rate: int = 16000, channels: int = 1) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.full((rate // 10, channels), 0.1), rate)

    return write


@pytest.fixture
def films(tmp_path: Path) -> Write:
    """Writes films of 0.2 s by their names below the test's folder; an .m4a holds audio only."""

    def write(*names: str, rate: int = 48000, silent: bool = False) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_film(path, rate, silent)

    return write


def _write_film(path: Path, rate: int, silent: bool) -> None:
    is_mpeg = path.suffix == ".mpg"
    with av.open(str(path), "w", format="mp4" if path.suffix == ".m4a" else None) as target:
        if path.suffix != ".m4a":
            pictures = target.add_stream("mpeg1video" if is_mpeg else "libx264", rate=25)
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
        if not silent:
            voice = target.add_stream("mp2" if is_mpeg else "aac", rate=rate, layout="mono")
        if path.suffix != ".m4a":
            for _ in range(5):
                picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
                target.mux(pictures.encode(picture))
            target.mux(pictures.encode(None))
        if not silent:
            kind, layout = ("s16", np.int16) if is_mpeg else ("fltp", np.float32)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, rate // 5), layout), format=kind, layout="mono")
            sound.rate, sound.pts, sound.time_base = rate, 0, Fraction(1, rate)
            target.mux([*voice.encode(sound), *voice.encode(None)])


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[Adapter], Measured]:
    """What an adapter finds in the test's folder, measured."""
    return lambda adapter: measure_items(adapter.read(tmp_path), lambda done, total: None)
