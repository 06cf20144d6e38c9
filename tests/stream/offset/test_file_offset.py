"""Files whose lips are early or late: told in one line, and put right by --av-offset."""

from pathlib import Path

import pytest

from lipstream import InputError, enhance_file
from lipstream.stream.files import FileReport

av = pytest.importorskip("av")
EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"
CLEAN = EXAMPLE.with_suffix(".clean.flac")


@pytest.fixture(scope="module")
def late_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's picture 0.5 s late, in a file of its own."""
    path = tmp_path_factory.mktemp("late") / "late.mkv"
    with av.open(str(EXAMPLE)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                shift = round(0.5 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                target.mux(packet)
    return path


def enhanced(video: Path, folder: Path, offset: float | str = 0.0) -> FileReport:
    return enhance_file(CLEAN, folder / "out.wav", video=video, av_offset_ms=offset)  # type: ignore[arg-type]


def test_late_lips_are_told_in_one_line(late_video: Path, tmp_path: Path) -> None:
    report = enhanced(late_video, tmp_path)
    assert report.measured_av_offset_ms == pytest.approx(500, abs=60)
    assert report.av_offset_ms == 0.0
    (line,) = [line for line in report.warnings if "lips come" in line]
    assert "after their sound: --av-offset" in line


def test_auto_puts_them_right(late_video: Path, tmp_path: Path) -> None:
    right, auto = enhanced(EXAMPLE, tmp_path), enhanced(late_video, tmp_path, "auto")
    assert auto.av_offset_ms == pytest.approx(500, abs=60)
    assert auto.mean_alpha == pytest.approx(right.mean_alpha, abs=0.05)
    assert not [line for line in auto.warnings if "lips" in line]


def test_auto_leaves_lips_alone_that_are_right(tmp_path: Path) -> None:
    assert enhanced(EXAMPLE, tmp_path, "auto").av_offset_ms == 0.0


def test_auto_that_finds_nothing_says_so(tmp_path: Path) -> None:
    import soundfile

    samples, rate = soundfile.read(CLEAN)
    soundfile.write(tmp_path / "short.wav", samples[: 2 * rate], rate)
    report = enhance_file(tmp_path / "short.wav", tmp_path / "o.wav", video=EXAMPLE, av_offset_ms="auto")
    assert report.av_offset_ms == 0.0
    assert any("no offset of the lips was found" in line for line in report.warnings)


@pytest.mark.parametrize("offset", ["automatic", float("nan"), 1e6])
def test_what_is_no_offset_is_refused_before_anything_is_written(offset: float | str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="av_offset_ms must be"):
        enhanced(EXAMPLE, tmp_path, offset)
    assert not (tmp_path / "out.wav").exists()
