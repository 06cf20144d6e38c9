"""Chunks of WAV files: found, carried, appended; and whether a recorder came to its end."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from lipstream.stream.media.riff import append_chunks, chunks_to_carry, riff_map

FORMAT = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    told = len(content) if size is None else size
    return name + struct.pack("<I", told) + content + b"\0" * (len(content) % 2)


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + chunk(b"fmt ", FORMAT) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("chunks", "unfinished", "missing"),
    [
        ([chunk(b"data", bytes(100))], False, 0),
        ([chunk(b"data", bytes(100), 300)], False, 200),
        ([chunk(b"data", b"\x01\xff" * 50, 0)], True, 0),
        ([chunk(b"bext", bytes(602)), chunk(b"data", b"\x01\xff" * 50, 0)], True, 0),
        ([chunk(b"data", b"\x01\xff" * 50, 0xFFFFFFFF)], True, 0),
        ([chunk(b"data", b""), chunk(b"LIST", b"INFO")], False, 0),
        ([chunk(b"data", b"")], False, 0),
        ([], False, 0),
    ],
)
def test_what_a_header_promises_is_compared_with_what_is_there(
    tmp_path: Path, chunks: list[bytes], unfinished: bool, missing: int
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(*chunks))
    found = riff_map(path)
    assert found is not None
    assert (found.unfinished, found.missing_bytes) == (unfinished, missing)


def test_only_what_is_not_about_the_samples_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(
        wav(
            chunk(b"bext", b"x" * 11),
            chunk(b"fact", bytes(4)),
            chunk(b"data", bytes(9)),
            chunk(b"iXML", b"<a/>"),
        )
    )
    assert chunks_to_carry(path) == [(b"bext", b"x" * 11), (b"iXML", b"<a/>")]


def test_what_is_no_wav_has_no_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"fLaC" + bytes(100))
    assert riff_map(path) is None
    assert chunks_to_carry(path) == []


@given(
    st.lists(
        st.tuples(st.sampled_from([b"bext", b"iXML", b"LIST", b"cue "]), st.binary(max_size=50)), max_size=5
    ),
    st.integers(0, 5),
)
def test_appended_chunks_are_found_again_and_leave_the_samples(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[bytes, bytes]], count: int
) -> None:
    path = tmp_path_factory.mktemp("riff") / "a.wav"
    samples = np.arange(count, dtype=np.uint8).astype(np.int16)
    soundfile.write(path, samples, 16_000, subtype="PCM_U8")
    before = soundfile.read(path)[0]
    append_chunks(path, chunks)
    assert chunks_to_carry(path) == chunks
    np.testing.assert_array_equal(soundfile.read(path)[0], before)
    content = path.read_bytes()
    assert int.from_bytes(content[4:8], "little") == len(content) - 8


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_head_are_no_trouble(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes
) -> None:
    path = tmp_path_factory.mktemp("riff") / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + tail)
    found = riff_map(path)
    assert found is not None
    assert 0 <= found.data_there <= len(tail)
    assert all(at + size <= 12 + len(tail) for _, at, size in found.extras)
