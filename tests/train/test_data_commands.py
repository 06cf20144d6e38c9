"""``lipstream data``: manifests written, looked over and made ready, and the errors a user sees."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lipstream.cli import main
from lipstream.errors import InputError
from lipstream.train.data.corpus import read_library
from lipstream.train.data.manifest import Item, Manifest, read_manifest, write_manifest
from lipstream.train.data.prepare import prepare
from lipstream.train.data.recordings import decode
from lipstream.train.data.shards import read_list
from lipstream.train.data_commands import CORPORA, add_parsers

Captured = pytest.CaptureFixture[str]

DEMO = Path(__file__).resolve().parents[2] / "demo"


def run(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    args = parser.parse_args(["data", *map(str, argv)])
    return int(args.run(args))


@pytest.fixture
def speech(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three speakers with a recording each; the test works beside it."""
    for speaker in "abc":
        (tmp_path / "speech" / speaker).mkdir(parents=True)
        shutil.copy(data / "train" / "speech" / "mini.flac", tmp_path / "speech" / speaker / "x.flac")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "speech"


def test_registering_the_commands_loads_nothing_heavy() -> None:
    code = "import lipstream.train.data_commands, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "scipy", "av", "soundfile", "soxr"} & set(done.stdout.split())


def test_a_folder_of_speech_becomes_a_manifest_that_trains(
    speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("speech", speech, "--source", "mine", "--licence", "CC0", "--held-out", "0.3") == 0
    assert capsys.readouterr().out == "speech.jsonl\n"
    manifest = read_manifest(Path("speech.jsonl"))
    assert {item.speaker for item in manifest.items} == {"mine/a", "mine/b", "mine/c"}
    assert sorted(item.split for item in manifest.items) == ["train", "train", "valid"]
    assert all(manifest.path(item).is_file() for item in manifest.items)


def test_tables_become_a_manifest(data: Path, tmp_path: Path) -> None:
    assert run("tables", data, "--out", tmp_path / "m.jsonl") == 0
    assert len(read_manifest(tmp_path / "m.jsonl").items) == 9


def test_what_is_left_out_is_told(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        (speech / f"bad{number:02}.wav").write_bytes(b"no sound")
    assert run("noise", speech) == 0
    told = capsys.readouterr().err.splitlines()
    assert "bad00.wav cannot be read" in told[0]
    assert told[-2:] == ["lipstream: warning: ... and 5 more", "lipstream: warning: 25 files were left out"]
    assert len(read_manifest(Path("noise.jsonl")).items) == 3


def test_a_manifest_that_is_there_is_kept_unless_forced(speech: Path) -> None:
    Path("noise.jsonl").write_text("mine")
    with pytest.raises(InputError, match=r"noise.jsonl exists: name another file with --out, or say --force"):
        run("noise", speech)
    assert Path("noise.jsonl").read_text() == "mine"
    assert run("noise", speech, "--force") == 0
    assert read_manifest(Path("noise.jsonl")).items


@pytest.mark.parametrize("name", [adapter.name for adapter in CORPORA])
def test_the_help_of_each_corpus_tells_its_layout(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (adapter,) = (adapter for adapter in CORPORA if adapter.name == name)
    with pytest.raises(SystemExit):
        run(name, "--help")
    assert "".join(adapter.layout.split()) in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["grid", "."], "nothing of grid in"),
        (["grid", "none"], "none is no folder"),
        (["noise", "speech", "--held-out", "1"], "--held-out must be at least 0 and below 1"),
        (["speech", "speech", "--speaker-depth", "0"], "--speaker-depth must be at least 1"),
        (["noise", "speech", "--out", "none/m.jsonl"], "cannot be written"),
        (["check", "none.jsonl"], "no such manifest"),
        (["prepare", "none.jsonl"], "no such manifest"),
        (["prepare", "none.jsonl", "--jobs", "0"], "--jobs must be at least 1"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(argv: list[str], message: str, speech: Path) -> None:
    before = sorted(Path().rglob("*"))
    with pytest.raises(InputError, match=message):
        run(*argv)
    assert sorted(Path().rglob("*")) == before


def test_check_counts_hours_rows_speakers_and_licences(
    speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("speech", speech, "--licence", "CC0", "--held-out", "0.3")
    capsys.readouterr()
    assert run("check", "speech.jsonl") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["speech", "train", "2", "0.01", "2"] in rows
    assert ["speech", "valid", "1", "0.00", "1"] in rows
    assert ["0.01", "CC0"] in rows


def test_check_names_what_is_wrong(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def row(speaker: str, **changes: object) -> Item:
        return Item("speech", f"{speaker}/x.flac", "mine", f"mine/{speaker}", **changes)  # type: ignore[arg-type]

    rows = (row("a", end_s=99.0), row("a", split="valid"), row("b", noisy="b/y.flac"), row("d"))
    write_manifest(Manifest("mine", speech, rows), Path("m.jsonl"))
    with pytest.raises(InputError, match="4 problems: make the manifest again"):
        run("check", "m.jsonl")
    told = capsys.readouterr().err
    assert "d/x.flac does not exist" in told
    assert "x.flac ends at 12.00 s, its row at 99.00 s" in told
    assert "b/y.flac is missing" in told
    assert "speaker mine/a is on more than one side of the split" in told


def test_prepare_fills_the_cache_that_training_reads(
    speech: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(DEMO / "example.mp4", "silent.mp4")
    (speech / "bad.wav").write_bytes(b"no sound")
    room = Item("rir", str(data / "train" / "rir" / "room.flac"), "r")
    rows = (
        Item("noise", "a/x.flac", "n"),
        Item("noise", "bad.wav", "n"),
        Item("face", "../silent.mp4", "f", "f"),
    )
    write_manifest(Manifest("mine", speech, (*rows, room)), Path("m.jsonl"))
    with pytest.raises(InputError, match="2 recordings cannot be used"):
        run("prepare", "m.jsonl", "--cache", "kept", "--jobs", "1")
    told = capsys.readouterr().err
    assert "bad.wav cannot be read as audio" in told
    assert "silent.mp4 has no sound" in told
    kept = sorted(path.name.split("-")[0] for path in Path("kept").rglob("*.npy"))
    assert kept == ["room", "x"]

    monkeypatch.setattr("lipstream.train.data.recordings.read_audio", None)
    assert decode(speech / "a" / "x.flac", Path("kept")).samples.any()


def test_a_recording_in_many_rows_is_decoded_once(data: Path, tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    library = read_library(str(data))
    assert prepare(library, tmp_path / "cache", 1, lambda done, total: told.append((done, total))) == ()
    assert told[-1] == (4, 4)  # one file of speech, two of noise, one room


@pytest.mark.slow
def test_shards_are_written_by_a_process_and_listed(data: Path, tmp_path: Path, capsys: Captured) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    arguments = ["data", "shard", str(data), "-o", str(out), "--cache", str(cache), "--jobs", "1"]
    assert main(arguments) == 0
    printed, told = capsys.readouterr()
    assert printed == f"{out / 'shards.jsonl'}\n"
    assert "1 rooms and faces stay as they are" in told
    shards = read_list(out / "shards.jsonl").shards
    assert {(shard.kind, shard.split) for shard in shards} >= {("speech", "train"), ("noise", "train")}


@pytest.mark.slow
def test_shards_of_actors_on_ray_are_those_of_processes(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    arguments = ["data", "shard", str(data), "--jobs", "2", "--hours", "0.001"]
    for out, more in (("alone", []), ("actors", ["--address", "local"])):
        folders = ["-o", str(tmp_path / out), "--cache", str(tmp_path / f"cache-{out}")]
        assert main([*arguments, *folders, *more]) == 0
    alone = {path.name: path.read_bytes() for path in (tmp_path / "alone").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "actors").iterdir()} == alone
    assert len(alone) > 3


@pytest.mark.parametrize(
    ("option", "told"), [("--jobs", "--jobs must be at least 1"), ("--hours", "--hours must be above 0")]
)
def test_bad_numbers_for_shards_are_told(
    option: str, told: str, data: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert main(["data", "shard", str(data), "-o", str(tmp_path / "out"), option, "0"]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
