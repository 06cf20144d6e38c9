"""``lipstream corpus``: by worker processes, gone on with after a kill; what is wrong is told first."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import enhance_file
from lipstream.cli import main
from lipstream.stream.corpus.table import Manifest
from lipstream.tests.stream.waiting import until

Captured = pytest.CaptureFixture[str]
#: Recordings, in small what a corpus is.
COUNT = 60


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; in ``src`` `COUNT` recordings in folders of ten, and a broken one."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = Path(f"src/{number // 10}/{number}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.05 * rng.standard_normal(4_000), 16_000)
    Path("src/broken.flac").write_bytes(b"no sound")
    return tmp_path


def error_of(arguments: list[str], captured: Captured) -> str:
    assert main(["corpus", *arguments]) == 2
    out, err = captured.readouterr()
    assert out == ""
    return err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
def test_a_killed_run_is_gone_on_with_and_gives_the_files_of_enhance(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lipstream",
        "corpus",
        "src",
        "dst",
        "--workers",
        "2",
        "--runtime",
        "onnx",
    ]
    rows = folder / "dst" / "corpus.csv"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        assert until(lambda: rows.is_file() and rows.read_text().count("\n") > 10)
        first.send_signal(signal.SIGKILL)
    done = [name for name, row in Manifest(rows).rows.items() if not row.error]
    times = {name: (folder / "dst" / name).stat().st_mtime_ns for name in done}
    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 2  # of the broken file
    assert f"files done already: {len(done)}, to do: {COUNT + 1 - len(done)}" in second.stderr
    assert "1 failed (column error); dst/corpus.csv" in second.stdout
    found = Manifest(rows).rows
    assert len(found) == COUNT + 1
    assert [name for name, row in found.items() if row.error] == ["broken.flac"]
    for name in done:
        assert (folder / "dst" / name).stat().st_mtime_ns == times[name]
    assert len([*(folder / "dst").rglob("*.wav")]) == COUNT
    for name in ("src/0/0.wav", "src/2/25.wav", "src/5/59.wav"):
        enhance_file(name, "alone.wav", runtime="onnx")
        assert Path(name.replace("src", "dst")).read_bytes() == Path("alone.wav").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["src", "dst", "--workers", "0"], "--workers must be at least 1"),
        (["src", "s3://bucket/dst"], "say with --manifest FILE where its rows go"),
        (["src", "dst", "--manifest", "rows.txt"], "name a .csv or a .parquet"),
        (["nowhere", "dst"], "nowhere is no folder: SRC is the folder of the recordings"),
        (["src", "src"], "SRC and DST are the same"),
        (["src", "dst", "--model", "nosuch"], "nosuch"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_wrong_is_told_before_anything_is_written(
    arguments: list[str], told: str, capsys: Captured
) -> None:
    assert told in error_of(arguments, capsys)
    assert not Path("dst").exists()


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [("ray", ["dst", "--address", "local"]), ("fsspec", ["memory://dst", "--manifest", "rows.csv"])],
)
@pytest.mark.usefixtures("folder", "pass_through_model")
def test_the_extra_is_named_where_it_is_needed(
    missing: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, f"{missing}.core", None)
    assert "needs the extra 'ray'" in error_of(["src", *arguments], capsys)
    assert not Path("dst").exists()
