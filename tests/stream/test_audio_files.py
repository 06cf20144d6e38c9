"""Audio files: blocks in, whole files out or nothing, and one clear line for each thing that can be wrong."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.stream.audio_files import AudioLayout, AudioWriter, check_output, choose_format, open_audio

WAV = AudioLayout(16_000, 2, 0, "WAV", "PCM_16")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(1_000) / 10), 16_000)
    return path


def test_blocks_are_the_file_in_order(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (1_003, 2)).astype(np.float32)
    soundfile.write(path, samples, 44_100, subtype="FLOAT")
    with open_audio(path) as reader:
        assert reader.layout == AudioLayout(44_100, 2, 1_003, "WAV", "FLOAT")
        blocks = list(reader.blocks(250))
    assert [len(block) for block in blocks] == [250, 250, 250, 250, 3]
    np.testing.assert_array_equal(np.concatenate(blocks), samples)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("container", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"), ("OGG", "VORBIS")]
)
def test_blocks_of_a_compressed_file_join_without_a_click(
    tmp_path: Path, container: str, subtype: str, channels: int
) -> None:
    path = tmp_path / "in"
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, (48_000, channels))
    soundfile.write(path, noise, 48_000, format=container, subtype=subtype)
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with open_audio(path) as reader:
        np.testing.assert_allclose(np.concatenate(list(reader.blocks(1_000))), whole, atol=1e-5)


def test_what_cannot_be_read_is_told_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is no audio\n" * 100)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "bytes.raw").write_bytes(bytes(1_000))
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "dangling.wav").symlink_to("nowhere")
    for name, message in {
        "missing.wav": "no such file",
        "dangling.wav": "no such file",
        "folder.wav": "is a folder",
        "text.wav": "not audio that can be read",
        "bytes.raw": "not audio that can be read",
        "empty.wav": "is empty",
    }.items():
        with pytest.raises(InputError, match=message) as error:
            open_audio(tmp_path / name)
        assert name in str(error.value)


def test_a_file_without_samples_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    with open_audio(tmp_path / "none.wav") as reader, pytest.raises(InputError, match="holds no samples"):
        list(reader.blocks(100))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told_apart_from_a_bad_one(tone: Path) -> None:
    tone.chmod(0)
    with pytest.raises(InputError, match="no permission"):
        open_audio(tone)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_found_with_their_time(tmp_path: Path, bad: float) -> None:
    samples = np.zeros((16_000, 2), np.float32)
    samples[12_000, 1] = bad
    soundfile.write(tmp_path / "bad.wav", samples, 16_000, subtype="FLOAT")
    with open_audio(tmp_path / "bad.wav") as reader, pytest.raises(InputError, match=r"at 0\.75 s"):
        list(reader.blocks(7_000))


def test_a_damaged_file_is_told_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 50_000), 16_000)
    path.write_bytes(path.read_bytes()[:50_000])
    with open_audio(path) as reader:
        frames = sum(map(len, reader.blocks(1_000)))
        damaged, cut = reader.warnings
    assert 20_000 < frames < 50_000
    assert damaged.startswith("damaged at 1.")
    assert cut.startswith(f"cut off: it ends at {frames / 16_000:.2f} s of the 3.12 s")


def test_the_output_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with AudioWriter(path, WAV) as output:
        output.write(np.zeros((100, 2), np.float32))
        assert not path.exists()
    assert soundfile.info(path).frames == 100
    assert names(tmp_path) == ["out.wav"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError, OSError])
def test_an_end_by_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"old")

    def write_half() -> None:
        with AudioWriter(path, WAV) as output:
            output.write(np.zeros((100, 2), np.float32))
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out.wav"]


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with small_disk(10_000):
        output = AudioWriter(tmp_path / "out.wav", WAV)
        with pytest.raises(InputError, match="make room on the disk"), output:
            output.write(np.zeros((50_000, 2), np.float32))
    assert names(tmp_path) == []


def test_a_disk_that_is_full_from_the_start_is_no_fault_of_the_format(
    tmp_path: Path, small_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with small_disk(10), pytest.raises(InputError, match="make room on the disk"):
        AudioWriter(tmp_path / "out.wav", WAV)
    assert names(tmp_path) == []


def test_loud_samples_are_clipped_not_wrapped(tmp_path: Path) -> None:
    with AudioWriter(tmp_path / "out.wav", WAV) as output:
        output.write(np.array([[1.5, -1.5]], np.float32))
    left, right = soundfile.read(tmp_path / "out.wav")[0][0]
    assert left > 0.99
    assert right < -0.99


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to("real.wav")
    with AudioWriter(tmp_path / "link.wav", WAV) as output:
        output.write(np.zeros((10, 2), np.float32))
    assert (tmp_path / "link.wav").is_symlink()
    assert soundfile.info(tmp_path / "real.wav").frames == 10


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (replace(WAV, channels=6, format="MP3", subtype="MPEG_LAYER_III"), "2 channels at most, not 6"),
        (replace(WAV, channels=9, format="FLAC", subtype="PCM_16"), "9 channels"),
        (replace(WAV, channels=5000, format="WAV"), "5000 channels"),
    ],
)
def test_a_format_that_cannot_hold_it_is_told(tmp_path: Path, layout: AudioLayout, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error, AudioWriter(tmp_path / "out", layout):
        pass
    assert "NAME.flac or NAME.wav" in str(error.value)
    assert names(tmp_path) == []


def test_an_output_that_is_its_own_input_is_refused(tone: Path) -> None:
    (tone.parent / "soft.wav").symlink_to(tone)
    (tone.parent / "hard.wav").hardlink_to(tone)
    for name in ("tone.wav", "soft.wav", "hard.wav", "../" + tone.parent.name + "/tone.wav"):
        with pytest.raises(InputError, match="is an input as well"):
            check_output(tone.parent / name, [tone])


def test_an_output_that_cannot_be_written_is_refused(tone: Path) -> None:
    for output, message in {
        tone.parent: "is a folder",
        tone.parent / "no" / "out.wav": "create it",
        tone / "out.wav": "create it",
        Path(os.devnull): "not a plain file",
    }.items():
        with pytest.raises(InputError, match=message):
            check_output(output, [])


def test_a_write_protected_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write everywhere, so the system's answer is played.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(InputError, match="no permission"):
        check_output(tmp_path / "out.wav", [])


@pytest.mark.parametrize(
    ("output", "source", "expected"),
    [
        ("a.wav", ("b.wav", "WAVEX", "PCM_24"), ("WAVEX", "PCM_24")),
        ("a.WAV", ("b.wav", "WAV", "ULAW"), ("WAV", "ULAW")),
        ("a.ogg", ("b.ogg", "OGG", "OPUS"), ("OGG", "OPUS")),
        ("a.mp3", ("b.mp3", "MP3", "MPEG_LAYER_III"), ("MP3", "MPEG_LAYER_III")),
        ("a.flac", ("b.wav", "WAV", "PCM_24"), ("FLAC", "PCM_24")),
        ("a.flac", ("b.wav", "WAV", "FLOAT"), ("FLAC", "PCM_24")),
        ("a.wav", ("b.mp3", "MP3", "MPEG_LAYER_III"), ("WAV", "PCM_16")),
        ("a.opus", ("b.wav", "WAV", "PCM_16"), ("OGG", "OPUS")),
        ("a.ogg", ("b.wav", "WAV", "PCM_16"), ("OGG", "VORBIS")),
        ("a.wav", ("b", "WAV", "PCM_16"), ("WAV", "PCM_16")),
        ("a.m4a", ("b.m4a", "M4A", "ALAC"), ("M4A", "ALAC")),
        ("a.m4a", ("b.wav", "WAV", "PCM_16"), ("M4A", "AAC")),
        ("a.mp4", ("b.mov", "MOV", "PCM_16"), ("MP4", "AAC")),
        ("a.mkv", ("b.mkv", "MKV", "OPUS"), ("MKV", "OPUS")),
        ("a.webm", ("b.webm", "WEBM", "VORBIS"), ("WEBM", "OPUS")),
        ("a.mp3", ("b.mp4", "MP4", "AAC"), ("MP3", "MPEG_LAYER_III")),
        ("a.wav", ("b.m4a", "M4A", "AAC"), ("WAV", "PCM_16")),
        ("a.wav", ("b.wav", "MP3", "MPEG_LAYER_III"), ("WAV", "PCM_16")),
        ("a", ("b", "FLAC", "PCM_24"), ("FLAC", "PCM_24")),
    ],
)
def test_the_output_format(output: str, source: tuple[str, str, str], expected: tuple[str, str]) -> None:
    assert choose_format(Path(output), Path(source[0]), *source[1:]) == expected


@pytest.mark.parametrize("output", ["a", "a.txt", "a.docx", "a."])
def test_an_extension_that_names_no_format_is_refused(output: str) -> None:
    with pytest.raises(InputError, match="WAV, FLAC, OGG Vorbis, Opus, MP3"):
        choose_format(Path(output), Path("b.wav"), "WAV", "PCM_16")
