"""Sound of any container: in step with its time stamps, with silence and a warning where it is damaged."""

import io
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.stream.audio_files import open_audio
from lipstream.stream.media.container_reader import ContainerReader
from lipstream.stream.media.lost_packets import flac_sample
from lipstream.tests.stream.media.samples import ENCODED, Sound, encode, speech_like, write_sample


def read(path: Path) -> tuple[Sound, tuple[str, ...]]:
    with open_audio(path) as reader:
        return np.concatenate(list(reader.blocks(777))), reader.warnings


def lag(one: Sound, other: Sound) -> int:
    """By how many samples `one` comes later than `other`."""
    count = 2 * max(len(one), len(other))
    spectrum = np.fft.rfft(one[:, 0], count) * np.conj(np.fft.rfft(other[:, 0], count))
    found = int(np.argmax(np.fft.irfft(spectrum, count)))
    return found - count if found > count // 2 else found


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


@pytest.mark.parametrize("kind", ["m4a", "mp4", "mov", "mkv", "webm", "mka", "opus", "flac", "mp3", "wma"])
def test_the_sound_starts_where_it_started(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    sound = write_sample(path)
    heard, warnings = read(path)
    assert warnings == ()
    if kind != "wma":  # which keeps what the encoder put in front
        assert abs(lag(heard, sound)) <= 1
    assert abs(len(heard) - len(sound)) < 5_000


def test_flac_is_read_to_the_bit(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-(2**15), 2**15, (30_000, 2)).astype(np.int16)
    for subtype in ("PCM_16", "PCM_24"):
        soundfile.write(tmp_path / "a.flac", sound, 44_100, subtype=subtype)
        with open_audio(tmp_path / "a.flac") as reader:
            assert reader.layout.subtype == subtype
            heard = np.concatenate(list(reader.blocks(1_000)))
        np.testing.assert_array_equal(heard * 2**15, sound)


@pytest.mark.parametrize("kind", ["ogg", "mp3", "flac"])
def test_a_hole_becomes_silence_and_all_behind_it_stays_in_step(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    sound = speech_like(6.0, 16_000)
    soundfile.write(path, sound, 16_000)
    whole, warnings = read(path)
    assert warnings == ()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    heard, warnings = read(path)
    assert len(heard) == len(whole) == len(sound)
    assert len(warnings) == 1
    assert warnings[0].startswith("damaged at ")
    assert "of silence stand where sound was lost" in warnings[0]
    # What is missing in an MP3 of varying bit rate is known but for one of its frames.
    behind = lag(heard[-20_000:], whole[-20_000:])
    assert abs(behind) <= (576 if kind == "mp3" else 0)
    aligned = np.roll(heard[-20_000:], -behind, axis=0)[1_000:-1_000]
    assert rms(aligned - whole[-19_000:-1_000]) < 0.05 * rms(whole[-19_000:-1_000])


@pytest.mark.parametrize("kind", ["wav", "ogg", "mp3", "flac", "aiff", "mka"])
def test_a_file_that_is_cut_off_says_so(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    write_sample(path, 6.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    heard, warnings = read(path)
    assert len(heard) > 10_000
    assert any(warning.startswith("cut off: it ends at ") for warning in warnings)


def test_an_index_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    write_sample(path, 2.0)
    path.write_bytes(path.read_bytes()[:-3_000])
    with pytest.raises(InputError, match="never finished: its index is missing"):
        open_audio(path)


@pytest.mark.parametrize("chunk_before", [b"", b"bext" + (602).to_bytes(4, "little") + bytes(602)])
def test_a_wav_whose_recorder_crashed_is_read_to_its_end(tmp_path: Path, chunk_before: bytes) -> None:
    path = tmp_path / "crash.wav"
    samples = (speech_like(1.0, 16_000)[:, 0] * 2**15).astype("<i2")
    soundfile.write(path, samples, 16_000)
    header = path.read_bytes()[:36]
    path.write_bytes(
        header[:4] + bytes(4) + header[8:] + chunk_before + b"data" + bytes(4) + samples.tobytes()
    )
    heard, warnings = read(path)
    np.testing.assert_array_equal(heard[:, 0] * 2**15, samples)
    assert warnings == ("never finished by its recorder: read to its end, 1.00 s",)


def test_the_start_of_the_sound_is_that_of_the_container(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 8_000), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 4_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with ContainerReader(path) as reader:
        assert sum(map(len, reader.blocks(1_000))) == 8_000
        assert reader.start_s == pytest.approx(0.25, abs=1e-3)


def test_silence_stands_where_time_stamps_leave_something_out(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    loud = np.full((1, 1_600), 1_000, np.int16)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in (0, 1, 2, 7, 8):
            frame = av.AudioFrame.from_ndarray(loud, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 1_600 * number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    heard, warnings = read(path)
    assert [bool(part.any()) for part in heard[:14_400].reshape(9, -1)] == [True] * 3 + [False] * 4 + [
        True
    ] * 2
    assert warnings == ("damaged at 0.30 s: 0.40 s of silence stand where sound was lost",)


def test_a_file_opens_no_other_file(tmp_path: Path) -> None:
    write_sample(tmp_path / "secret.mp3")
    for name, content in {
        "list.wav": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:5,\nfile://{tmp_path}/secret.mp3\n#EXT-X-ENDLIST\n",
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:5,\n{tmp_path}/secret.mp3\n#EXT-X-ENDLIST\n",
        "list.txt": f"ffconcat version 1.0\nfile {tmp_path}/secret.mp3\n",
    }.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match="not audio that can be read"):
            open_audio(tmp_path / name)


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sample(tmp_path / "a.mp3")
    Path("a.mp3").rename("concat:a.mp3|a.mp3")
    assert len(read(Path("concat:a.mp3|a.mp3"))[0]) == 44_100


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "mka", "ts"])
def test_a_pipe_gives_what_the_file_gives(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    write_sample(path)
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\n"
        "from lipstream.stream.audio_files import open_audio\n"
        "with open_audio(Path('-')) as reader: blocks = list(reader.blocks(1000))\n"
        "assert reader.warnings == ()\n"
        "sys.stdout.buffer.write(np.concatenate(blocks).tobytes())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=path.read_bytes(), capture_output=True, check=True
    )
    piped, whole = np.frombuffer(done.stdout, np.float32), read(path)[0].ravel()
    np.testing.assert_array_equal(piped[: len(whole)], whole)
    # Where an MP3 ends within its last frame cannot be known in a pipe.
    assert len(piped) - len(whole) < (1_152 if kind == "mp3" else 1)


def test_a_file_without_sound_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"a\.mp4 holds no sound"):
        open_audio(path)


@pytest.mark.parametrize("kind", sorted(ENCODED))
def test_every_kind_tells_its_rate_and_codec(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    write_sample(path)
    rate = ENCODED[kind][1]
    with open_audio(path) as reader:
        assert (reader.layout.sample_rate, reader.layout.channels) == (rate, 1)
        assert reader.layout.frames == pytest.approx(rate, rel=0.2) or kind in ("aac", "amr", "ac3")
        assert reader.has_more == (kind in ("mp4", "mov", "mkv", "avi", "ts"))


@pytest.mark.parametrize(
    ("header", "sample"),
    [
        ("fff8c508006f44060000000000000000", 0),
        ("fff8c50801684809ffffffffffffffff", 4096),
        ("fff8c508c4804809ffffffffffffffff", 256 * 4096),  # 0x100 in two bytes
        ("fff9c508c4804809ffffffffffffffff", 256),  # blocks of varying size count samples
        ("fff81508036f44060000000000000000", 3 * 192),
        ("fff875081705aa5d0000000000000000", None),  # a block of a size of its own
        ("fff8c508ff6f44060000000000000000", None),
        ("000000000000000000000000000000ff", None),
        ("fff8c5", None),
    ],
)
def test_a_flac_frame_tells_its_first_sample(header: str, sample: int | None) -> None:
    assert flac_sample(bytes.fromhex(header)) == sample


def test_memory_does_not_grow_with_a_hole(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, speech_like(0.5, 16_000), 16_000, format="FLAC")
    path = tmp_path / "a.flac"
    path.write_bytes(buffer.getvalue())
    with ContainerReader(path) as reader:
        assert all(len(block) <= 500 for block in reader.blocks(500))


def test_channels_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "six.m4a"
    sound = np.zeros((48_000, 6), np.float32)
    tone = 0.3 * np.sin(np.arange(48_000) / 20)
    sound[:, 4] = tone
    encode(path, "aac", 48_000, sound)
    heard, _ = read(path)
    assert np.argmax(np.abs(heard).sum(axis=0)) == 4
