"""``lipstream enhance``: outputs where they are expected, one clear line and code 2 for whatever is wrong."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.cli import main
from lipstream.core.console import ProgressBar
from lipstream.stream import files, runtimes
from lipstream.stream.commands import enhance as commands
from lipstream.stream.lips_bound import NOTICE
from lipstream.stream.video.frames import LipFrame
from lipstream.stream.video.lips.feed import LipsFeed
from lipstream.tests.stream.faces import face

pytestmark = pytest.mark.usefixtures("pass_through_model")

Captured = pytest.CaptureFixture[str]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with ``in.wav`` and ``two.flac`` in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("in.wav", "two.flac"):
        soundfile.write(name, 0.1 * np.sin(np.arange(8_000) / 10), 16_000)
    return tmp_path


def error_line(captured: Captured) -> str:
    """The one line on stderr, and nothing on stdout."""
    out, err = captured.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("lipstream: error: ")
    return err


def test_the_output_stands_beside_the_input(folder: Path, capsys: Captured) -> None:
    assert main(["enhance", "in.wav", "two.flac"]) == 0
    assert names(folder) == ["in.enhanced.wav", "in.wav", "two.enhanced.flac", "two.flac"]
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith("in.wav -> in.enhanced.wav: 0.50 s in ")
    assert "latency of the stream 25.0 ms" in first
    assert second.startswith("two.flac")
    assert err == ""


def test_the_output_goes_where_it_is_told(folder: Path) -> None:
    assert main(["enhance", "in.wav", "-o", "out.flac"]) == 0
    assert soundfile.info("out.flac").format == "FLAC"
    assert main(["enhance", "in.wav", "two.flac", "--out-dir", "new/clean"]) == 0
    assert names(folder / "new" / "clean") == ["in.wav", "two.flac"]


def test_an_existing_output_is_replaced_only_when_asked(folder: Path, capsys: Captured) -> None:
    (folder / "in.enhanced.wav").write_text("old")
    assert main(["enhance", "in.wav"]) == 2
    assert "in.enhanced.wav exists: --force" in error_line(capsys)
    assert (folder / "in.enhanced.wav").read_text() == "old"
    assert main(["enhance", "in.wav", "--force"]) == 0
    assert soundfile.info("in.enhanced.wav").frames == 8_000
    assert main(["enhance", "in.wav", "-o", "in.enhanced.wav"]) == 0


def test_json_is_one_object_a_line(folder: Path, capsys: Captured) -> None:
    assert main(["enhance", "in.wav", "two.flac", "--json", "--atten-limit", "12", "--chunk-ms", "20"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["source"], second["source"]) == ("in.wav", "two.flac")
    assert first["duration_s"] == 0.5
    assert first["latency"]["total"] == {"samples": 400, "ms": 25.0}
    assert {"rtf", "mean_alpha", "video_frames", "face_frames"} <= first.keys()


def test_samples_beyond_the_limit_are_told_once_and_leave_the_output_finite(
    folder: Path, capsys: Captured
) -> None:
    samples = np.zeros((4_000, 2), np.float32)
    samples[[100, 200, 3_000], [0, 1, 1]] = [3e38, -1e6, 20.0]
    soundfile.write("wild.wav", samples, 16_000, "FLOAT")
    assert main(["enhance", "wild.wav", "--json", "--chunk-ms", "20"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["limited_samples"] == 3
    assert err == f"lipstream: warning: wild.wav: {report['warnings'][0]}\n"
    assert "limited" in err
    assert np.isfinite(soundfile.read("wild.enhanced.wav")[0]).all()


def test_one_bad_input_does_not_stop_the_others(folder: Path, capsys: Captured) -> None:
    assert main(["enhance", "missing.wav", "in.wav"]) == 2
    out, err = capsys.readouterr()
    assert err == "lipstream: error: missing.wav: no such file\n"
    assert out.startswith("in.wav -> in.enhanced.wav")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("missing.wav", "no such file"),
        ("text.wav", "not audio that can be read"),
        ("empty.wav", "is empty"),
        ("nan.wav", "NaN or infinity at 0.00 s"),
        ("slow.wav", "has 4000 Hz"),
        (".", "is a folder"),
        ("in.wav -o in.wav", "is an input as well"),
        ("in.wav -o link.wav", "is an input as well"),
        ("in.wav --out-dir .", "is an input as well"),
        ("in.wav -o no/out.wav", "create it"),
        ("in.wav -o in.wav/out.wav", "create it"),
        ("in.wav --out-dir in.wav", "cannot be made"),
        ("in.wav -o out.txt", "names no format"),
        ("in.wav -o out", "names no format"),
        ("in.wav --atten-limit -3", "a number of dB from 0"),
        ("in.wav --strength none", "light, medium, strong"),
        ("in.wav --atten-limit loud", "--atten-limit"),
        ("in.wav --chunk-ms 0", "--chunk-ms: must be from 1 to 60000 ms"),
        ("in.wav --chunk-ms nan", "--chunk-ms: must be"),
        ("in.wav two.flac -o out.wav", "--out-dir"),
        ("in.wav two.flac --video v.mp4", "--video belongs to one input: of several, let {stem} stand for"),
        ("in.wav --video faces/{stem}.mp4", "faces/in.mp4"),
        ("in.wav ./in.wav --out-dir new", "same name"),
        ("in.wav --video missing.mp4", "missing.mp4"),
        ("in.wav --video v.mp4 --lips", "give one of them"),
        ("in.wav --video text.wav", "text.wav"),
        ("in.wav -o out.wav --out-dir new", "not allowed with"),
        ("in.wav --volume 11", "--volume"),
        ("", "required: IN"),
    ],
)
def test_whatever_is_wrong_gets_one_line_and_code_2_and_no_output(
    folder: Path, capfd: Captured, arguments: str, message: str
) -> None:
    (folder / "text.wav").write_text("this is no audio\n")
    (folder / "empty.wav").touch()
    (folder / "link.wav").symlink_to("in.wav")
    soundfile.write("nan.wav", np.full(1_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    soundfile.write("slow.wav", np.zeros(1_000), 4_000)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["enhance", *arguments.split()]) == 2
    assert message in error_line(capfd)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert not (folder / "new").exists()


def test_an_unknown_model_is_told(folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str, runtime: str) -> None:
        raise InputError(f"unknown model {model!r}")

    monkeypatch.setattr(runtimes, "load_runtime", load)
    assert main(["enhance", "in.wav", "--model", "huge"]) == 2
    assert "unknown model 'huge'" in error_line(capsys)
    assert names(folder) == ["in.wav", "two.flac"]


def test_ctrl_c_is_one_line_and_code_130(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(ProgressBar):
        def __call__(self, done_s: float, total_s: float) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(commands, "ProgressBar", Interrupted)
    assert main(["enhance", "in.wav"]) == 130
    assert "interrupted" in error_line(capsys)
    assert names(folder) == ["in.wav", "two.flac"]


def test_a_warning_does_not_change_the_exit_code(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = files.enhance_file("in.wav", "out.wav")
    told = files.FileReport(**(vars(report) | {"warnings": ("no usable face",), "video_frames": 25}))
    monkeypatch.setattr(files, "enhance_file", lambda *args, **options: told)
    assert main(["enhance", "in.wav", "--video", "face.mp4"]) == 0
    out, err = capsys.readouterr()
    assert err == "lipstream: warning: in.wav: no usable face\n"
    assert "usable face in 0% of 25 video frames" in out


@pytest.mark.parametrize("words", [None, NOTICE])
def test_what_lips_of_a_model_are_worth_is_told_once_where_they_are_asked_for(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, words: str | None
) -> None:
    feed = LipsFeed(LipFrame(k + 1, k / 25, landmarks=face(5.0 * k)) for k in range(12))
    monkeypatch.setattr(files, "open_lips", lambda *args: nullcontext(feed))
    monkeypatch.setattr("lipstream.stream.lips_bound.notice", lambda model: words)
    assert main(["enhance", "in.wav", "--video", "face.mp4", "--json", "--chunk-ms", "20"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["video_frames"] == 12
    assert err == ("" if words is None else f"lipstream: note: {NOTICE}\n")


def test_a_video_beside_the_audio_is_not_looked_at(folder: Path, capsys: Captured) -> None:
    (folder / "in.mp4").write_text("no video at all")
    assert main(["enhance", "in.wav", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["video_frames"], err) == (0, "")


def test_videos_of_several_inputs_are_found_by_their_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "more").mkdir()
    soundfile.write("more/a.b.wav", np.zeros(800), 16_000)
    seen = []

    def opening(video: Path, *_: object) -> nullcontext[None]:
        seen.append(str(video))
        return nullcontext()

    monkeypatch.setattr(files, "open_lips", opening)
    inputs = ["enhance", "in.wav", "more/a.b.wav", "--force"]
    assert main([*inputs, "--video", "faces/{stem}.mp4"]) == 0
    assert main([*inputs, "--video", "{dir}/{stem}.mp4"]) == 0
    assert seen == ["faces/in.mp4", "faces/a.b.mp4", "in.mp4", "more/a.b.mp4"]


def test_no_video_undoes_an_earlier_video(folder: Path) -> None:
    assert main(["enhance", "in.wav", "--video", "missing.mp4", "--no-video"]) == 0


def test_enhancing_all_files_twice_is_about_the_recordings(folder: Path, capsys: Captured) -> None:
    assert main(["enhance", *names(folder)]) == 0
    twice = names(folder)
    assert main(["enhance", "--force", *twice]) == 0
    assert names(folder) == twice
    assert capsys.readouterr().err.count("is left out: it is the output of another input") == 2


@pytest.mark.parametrize(("name", "kind"), [("in.wav", "wav"), ("two.flac", "flac")])
def test_a_file_without_an_extension_gets_the_right_one(folder: Path, name: str, kind: str) -> None:
    (folder / name).rename(folder / "talk")
    assert main(["enhance", "talk"]) == 0
    assert soundfile.info(f"talk.enhanced.{kind}").format == kind.upper()


def test_lips_means_the_picture_of_the_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def enhance_file(source: Path, output: Path, **options: object) -> files.FileReport:
        seen.append((source, options["video"]))
        raise InputError("enough")

    monkeypatch.setattr(files, "enhance_file", enhance_file)
    main(["enhance", "a.mp4", "b.mp4", "--lips"])
    assert seen == [(Path("a.mp4"), Path("a.mp4")), (Path("b.mp4"), Path("b.mp4"))]
