"""Files enhanced as streams: aligned, whole or not at all, channels apart, in bounded memory."""

import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from lipstream import InputError, enhance_file
from lipstream.stream.files import FileReport
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.faces import face

pytestmark = pytest.mark.usefixtures("pass_through_model")


def speech_like(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Decaying low-passed bursts, a different one in each channel."""
    rng = np.random.default_rng(0)
    count = round(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal((count, channels)), axis=0)
    spectrum[np.fft.rfftfreq(count, 1 / rate) > 0.4 * min(rate, 8_000)] = 0
    signal = np.fft.irfft(spectrum, count, axis=0)
    return (0.3 * signal / np.abs(signal).max()).astype(np.float32)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "in.wav"
    soundfile.write(path, speech_like(1.0, 16_000), 16_000)
    return path


@pytest.mark.parametrize(
    ("extension", "subtype", "rate", "channels", "tolerance"),
    [
        ("wav", "PCM_16", 8_000, 1, 5e-4),
        ("wav", "PCM_16", 16_000, 1, 1e-4),
        ("wav", "FLOAT", 44_100, 3, 5e-4),
        ("wav", "PCM_24", 96_000, 2, 5e-4),
        ("flac", "PCM_24", 48_000, 2, 5e-4),
        ("flac", "PCM_16", 22_050, 1, 5e-4),
        ("ogg", "VORBIS", 44_100, 2, 0.1),
        ("opus", "OPUS", 48_000, 1, 0.1),
        ("mp3", "MPEG_LAYER_III", 44_100, 1, 0.1),
        ("mp3", "MPEG_LAYER_III", 16_000, 2, 0.1),
    ],
)
def test_the_output_is_aligned_and_alike_in_every_format(
    tmp_path: Path, extension: str, subtype: str, rate: int, channels: int, tolerance: float
) -> None:
    source, output = tmp_path / f"in.{extension}", tmp_path / f"out.{extension}"
    container = "OGG" if extension == "opus" else extension.upper()
    signal = speech_like(1.0, rate, channels)[:-37]
    soundfile.write(source, signal, rate, format=container, subtype=subtype)
    report = enhance_file(source, output)
    before, after = soundfile.info(source), soundfile.info(output)
    for key in ("samplerate", "channels", "frames", "format", "subtype"):
        assert getattr(after, key) == getattr(before, key), key
    heard, _ = soundfile.read(source, dtype="float32", always_2d=True)
    written, _ = soundfile.read(output, dtype="float32", always_2d=True)
    np.testing.assert_allclose(written[500:-500], heard[500:-500], atol=tolerance)
    for channel in range(channels):
        spectra = np.fft.rfft(written[:, channel]), np.fft.rfft(heard[:, channel])
        assert np.argmax(np.fft.irfft(spectra[0] * np.conj(spectra[1]))) == 0
    assert (report.sample_rate, report.channels) == (rate, channels)
    assert report.duration_s == pytest.approx(len(heard) / rate)
    assert names(tmp_path) == sorted([source.name, output.name])


def test_the_block_length_does_not_change_the_output(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, speech_like(0.5, 44_100), 44_100)
    outputs = []
    for chunk_ms in (1, 12.3, 500, 60_000):
        enhance_file(source, tmp_path / "out.wav", chunk_ms=chunk_ms)
        outputs.append((tmp_path / "out.wav").read_bytes())
    assert len(set(outputs)) == 1


@pytest.mark.parametrize("count", [1, 100, 399, 401])
def test_a_file_shorter_than_the_latency_keeps_its_length(tmp_path: Path, count: int) -> None:
    source = tmp_path / "in.wav"
    signal = speech_like(1.0, 16_000)[:count]
    soundfile.write(source, signal, 16_000, subtype="FLOAT")
    enhance_file(source, tmp_path / "out.wav")
    output, _ = soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)
    np.testing.assert_allclose(output, signal, atol=1e-6)


def test_channels_do_not_hear_each_other(tmp_path: Path) -> None:
    signal = speech_like(1.0, 16_000, 2)
    signal[:, 1] = 0
    soundfile.write(tmp_path / "in.wav", signal, 16_000)
    enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")
    output, _ = soundfile.read(tmp_path / "out.wav")
    assert np.abs(output[:, 0]).max() > 0.1
    assert np.abs(output[:, 1]).max() == 0


def test_progress_rises_to_the_whole_length(wav: Path, tmp_path: Path) -> None:
    seen: list[tuple[float, float]] = []
    enhance_file(wav, tmp_path / "out.wav", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0.5, 1.0), (1.0, 1.0)]


def test_ctrl_c_leaves_the_file_that_was_there(wav: Path, tmp_path: Path) -> None:
    def interrupt(done_s: float, total_s: float) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out.wav").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        enhance_file(wav, tmp_path / "out.wav", progress=interrupt)
    assert (tmp_path / "out.wav").read_bytes() == b"old"
    assert names(tmp_path) == ["in.wav", "out.wav"]


def test_nan_at_the_end_leaves_nothing_behind(tmp_path: Path) -> None:
    signal = speech_like(2.0, 16_000)
    signal[-1] = np.nan
    soundfile.write(tmp_path / "in.wav", signal, 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"NaN or infinity at 2\.00 s"):
        enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")
    assert names(tmp_path) == ["in.wav"]


@pytest.mark.parametrize("rate", [4_000, 384_000])
def test_a_rate_out_of_range_is_told_with_the_files_name(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros(1_000), rate)
    with pytest.raises(InputError, match=rf"in\.wav has {rate} Hz: resample"):
        enhance_file(tmp_path / "in.wav", tmp_path / "out.wav")


def test_bad_options_are_refused_before_anything_is_written(wav: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="chunk_ms"):
        enhance_file(wav, tmp_path / "out.wav", chunk_ms=0)
    with pytest.raises(InputError, match="atten_limit_db"):
        enhance_file(wav, tmp_path / "out.wav", atten_limit_db=-1)
    with pytest.raises(InputError, match="is an input as well"):
        enhance_file(wav, wav)
    assert names(tmp_path) == ["in.wav"]


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def peak_bytes(seconds: int) -> int:
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.zeros(seconds * 8_000, np.int16), 8_000)
        tracemalloc.start()
        enhance_file(path, tmp_path / "out.wav")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(1)  # caches are filled
    assert peak_bytes(15) < peak_bytes(3) + 50_000  # one byte for each sample more would be 96,000


def video_of(monkeypatch: pytest.MonkeyPatch, frames: list[LipFrame]) -> list[str]:
    """Play these frames as every video; gives a list in which the closing of one is noted."""
    closed: list[str] = []

    def read_lips(path: Path, _: Path | None, lips: str, *__: object) -> Iterator[LipFrame]:
        assert lips == "landmarks"
        try:
            yield from frames
        finally:
            closed.append(str(path))

    module = ModuleType("lipstream.stream.video.files")
    module.__dict__["read_lips"] = read_lips
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return closed


def frames_until(end_s: float, seen: bool = True) -> list[LipFrame]:
    marks = np.random.default_rng(0).uniform(0, 60, round(25 * end_s))
    return [LipFrame(k + 1, k / 25, landmarks=face(mark) if seen else None) for k, mark in enumerate(marks)]


def enhanced_with(video: str | None, wav: Path) -> FileReport:
    return enhance_file(wav, wav.with_name("out.wav"), video=video)


def test_without_video_nothing_is_said_of_it(wav: Path) -> None:
    report = enhanced_with(None, wav)
    assert (report.video_frames, report.face_frames, report.warnings) == (0, 0, ())
    assert report.mean_alpha < 1e-6


def test_the_report_tells_how_much_of_the_video_had_a_face(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [replace(frame, landmarks=None) if frame.time_s < 0.24 else frame for frame in frames_until(5)]
    closed = video_of(monkeypatch, frames)
    report = enhanced_with("face.mp4", wav)
    assert (report.video_frames, report.face_frames) == (26, 20)  # the 4 s without audio do not count
    assert report.face_share == pytest.approx(20 / 26)
    assert 0.01 < report.mean_alpha < 0.8  # no face in the first quarter
    assert report.warnings == ()
    assert closed == ["face.mp4"]


def test_a_video_without_a_face_is_a_warning_and_audio_alone(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_of(monkeypatch, frames_until(1, seen=False))
    report = enhanced_with("face.mp4", wav)
    assert report.warnings == ("no usable face in 25 video frames: enhanced audio-only",)
    assert report.mean_alpha < 1e-6


def test_a_video_that_ends_early_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "in.wav", speech_like(3, 16_000), 16_000)
    video_of(monkeypatch, frames_until(1))
    (warning,) = enhanced_with("face.mp4", tmp_path / "in.wav").warnings
    assert warning == "the video ends at 1.0 s of 3.0 s: audio-only from there on"


def test_the_block_length_does_not_change_what_the_lips_do(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alphas = set()
    for chunk_ms in (3, 100, 5_000):
        video_of(monkeypatch, frames_until(1))
        alphas.add(enhance_file(wav, wav.with_name("out.wav"), video="v.mp4", chunk_ms=chunk_ms).mean_alpha)
    assert len(alphas) == 1


def test_the_example_clip_shows_its_face(tmp_path: Path) -> None:
    demo = Path(__file__).resolve().parents[2] / "demo"
    report = enhance_file(demo / "example.flac", tmp_path / "out.flac", video=demo / "example.mp4")
    assert report.face_share > 0.9
    assert report.mean_alpha > 0.2
    assert soundfile.info(tmp_path / "out.flac").frames == soundfile.info(demo / "example.flac").frames


def test_without_the_video_extra_the_fix_is_told(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lipstream.stream.video")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r'pip install "lipstream\[video\]"'):
        enhanced_with("face.mp4", wav)
    assert names(wav.parent) == ["in.wav"]


def test_a_video_that_is_the_output_is_refused(wav: Path) -> None:
    video = wav.with_name("out.wav")
    video.write_bytes(b"video")
    with pytest.raises(InputError, match="is an input as well"):
        enhanced_with(str(video), wav)
    assert video.read_bytes() == b"video"


def test_the_report_goes_into_json(wav: Path) -> None:
    report = enhanced_with(None, wav).as_dict()
    assert report["duration_s"] == 1.0
    assert report["rtf"] == pytest.approx(report["elapsed_s"])
    assert report["latency"]["total"] == {"samples": 400, "ms": 25.0}
