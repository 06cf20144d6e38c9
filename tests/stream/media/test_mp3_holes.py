"""Holes in an MP3, at a constant bit rate and a changing one: all behind them stays in step."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipstream.stream.audio_files import open_audio
from lipstream.stream.media.mp3_holes import counted_frames, frame_bytes
from lipstream.tests.stream.media.samples import Sound, speech_like

RATE = 16_000
FRAME = 576


@pytest.fixture(scope="module")
def mp3(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool, bool], bytes]:
    """Eight seconds, whose first half is nearly silent: at a changing bit rate its frames are short."""
    sound = speech_like(8.0, RATE)[:, 0]
    sound[: len(sound) // 2] *= 1e-4

    def made(changing: bool, counted: bool) -> bytes:
        path = tmp_path_factory.mktemp("mp3") / "in.mp3"
        with av.open(str(path), "w", options={"write_xing": str(int(counted))}) as output:
            stream = output.add_stream("libmp3lame", rate=RATE, layout="mono")
            if changing:
                stream.codec_context.global_quality = 2 * 118  # FF_QP2LAMBDA
                stream.codec_context.qscale = True
            else:
                stream.codec_context.bit_rate = 64_000
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path.read_bytes()

    return made


def read(path: Path) -> tuple[Sound, tuple[str, ...]]:
    with open_audio(path) as reader:
        return np.concatenate(list(reader.blocks(10_000)))[:, 0], reader.warnings


@pytest.mark.parametrize("changing", [False, True])
@pytest.mark.parametrize("holes", [[(0.3, 300)], [(0.6, 3_000)], [(0.4, 5_000)], [(0.2, 500), (0.7, 2_500)]])
@pytest.mark.parametrize("deleted", [False, True])
def test_what_comes_behind_a_hole_stays_in_step(
    changing: bool, holes: list[tuple[float, int]], deleted: bool, mp3: Callable[..., bytes], tmp_path: Path
) -> None:
    content = bytearray(mp3(changing, True))
    whole, broken = tmp_path / "whole.mp3", tmp_path / "broken.mp3"
    whole.write_bytes(content)
    for share, length in reversed(holes):
        at = int(share * len(content))
        content[at : at + length] = b"" if deleted else bytes(length)
    broken.write_bytes(content)
    (before, _), (after, warnings) = read(whole), read(broken)
    assert len(after) == len(before)
    assert warnings[0].startswith("damaged at")
    assert "cut off" not in warnings[-1]
    np.testing.assert_allclose(after[-4 * FRAME :], before[-4 * FRAME :], atol=1e-4)


def test_without_a_count_bytes_tell_how_much_is_missing(mp3: Callable[..., bytes], tmp_path: Path) -> None:
    content = bytearray(mp3(False, False))
    (tmp_path / "whole.mp3").write_bytes(content)
    content[9_000:14_000] = bytes(5_000)
    (tmp_path / "broken.mp3").write_bytes(content)
    assert counted_frames(tmp_path / "broken.mp3") is None
    assert len(read(tmp_path / "broken.mp3")[0]) == len(read(tmp_path / "whole.mp3")[0])


def test_what_is_cut_off_behind_a_hole_is_no_silence_in_it(mp3: Callable[..., bytes], tmp_path: Path) -> None:
    content = bytearray(mp3(False, True))
    content[9_000:12_000] = bytes(3_000)
    (tmp_path / "broken.mp3").write_bytes(content[: len(content) * 7 // 10])
    after, warnings = read(tmp_path / "broken.mp3")
    assert len(after) == pytest.approx(0.7 * 8 * RATE, abs=3 * FRAME)
    assert any("cut off" in line for line in warnings)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("fffb9064", 417),  # MPEG-1, layer III, 128 kbit/s at 44.1 kHz
        ("fffb9264", 418),  # the same with padding
        ("fff318c4", 36),  # MPEG-2, layer III, 8 kbit/s at 16 kHz
        ("ffe318c4", 72),  # MPEG-2.5, layer III, 8 kbit/s at 8 kHz
        ("fffd8404", 384),  # MPEG-1, layer II, 128 kbit/s at 48 kHz
        ("fffb0064", None),  # of a free bit rate
        ("00000000", None),
        ("ff", None),
    ],
)
def test_a_header_tells_how_long_its_frame_is(header: str, size: int | None) -> None:
    assert frame_bytes(bytes.fromhex(header)) == size
