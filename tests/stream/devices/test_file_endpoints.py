"""Files as endpoints: every sample comes through, in order, at the pace of real time; failures are told."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.core.arrays import Float32
from lipstream.stream.devices.file_endpoints import FileSink, FileSource
from lipstream.tests.stream.waiting import until

RATE = 16_000


@pytest.fixture
def sound() -> Float32:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (3_000, 2)).astype(np.float32)


def test_a_source_plays_one_channel_then_silence(tmp_path: Path, sound: Float32) -> None:
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav", channel=2)
    assert (source.info.rate, source.info.block) == (RATE, 160)
    heard: list[Float32] = []
    times: list[float] = []

    def deliver(block: Float32, time_s: float) -> None:
        heard.append(block.copy())
        times.append(time_s)

    started = time.perf_counter()
    source.start(deliver)
    assert until(lambda: sum(map(len, heard)) >= 3_200)
    assert (source.finished, source.alive) == (True, True)
    source.stop()
    source.stop()
    assert (source.finished, source.alive) == (True, False)
    joined = np.concatenate(heard)
    np.testing.assert_array_equal(joined[:3_000], sound[:, 1])
    assert not joined[3_000:].any()
    # A block ends when its last sample was "captured", and none comes before that.
    assert np.allclose(np.diff(times), 0.01)
    assert started <= times[0] - 0.01 <= time.perf_counter()


def first_block(source: FileSource) -> Float32:
    """What a source delivers first when it is started."""
    heard: list[Float32] = []
    source.start(lambda block, time_s: heard.append(block.copy()))
    assert until(lambda: len(heard) > 2)
    source.stop()
    return heard[0]


def test_a_source_starts_over_after_a_stop(tmp_path: Path, sound: Float32) -> None:
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav")
    for _ in range(2):
        np.testing.assert_array_equal(first_block(source), sound[:160, 0])
        assert not source.finished


@pytest.mark.parametrize("name", ["out.wav", "out.flac"])
def test_a_sink_writes_what_it_is_given(tmp_path: Path, name: str) -> None:
    sink = FileSink(tmp_path / name, RATE)
    given: list[Float32] = []

    def render(block: Float32, time_s: float) -> None:
        block[:] = np.sin(np.arange(len(block)) + len(given))
        given.append(block.copy())

    sink.start(render)
    assert sink.alive
    assert until(lambda: len(given) > 5)
    assert not (tmp_path / name).exists()
    sink.stop()
    written, rate = soundfile.read(tmp_path / name, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(written, np.clip(np.concatenate(given), -1, 1), atol=2**-22)


def test_a_file_damaged_further_on_ends_the_source_and_tells_why(tmp_path: Path) -> None:
    sound = np.zeros(2_000, np.float32)
    sound[1_000] = np.nan
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav")
    source.start(lambda block, time_s: None)
    assert until(lambda: not source.alive)
    assert "NaN or infinity" in str(source.failure)


def test_what_cannot_be_is_told_before_anything_starts(tmp_path: Path, sound: Float32) -> None:
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    with pytest.raises(InputError, match="no channel 3"):
        FileSource(tmp_path / "a.wav", channel=3)
    with pytest.raises(InputError, match="no such file"):
        FileSource(tmp_path / "b.wav")
    with pytest.raises(InputError, match="names no format"):
        FileSink(tmp_path / "out.txt", RATE)
    with pytest.raises(InputError, match="create it"):
        FileSink(tmp_path / "no" / "out.wav", RATE)
