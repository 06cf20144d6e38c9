"""``lipstream cue gate`` and ``lipstream cue judge``: what they write, print and refuse."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from lipstream.cli import main
from lipstream.train.data.landmark_corpus import LandmarkClip
from lipstream.train.gate import judging
from lipstream.train.gate.training import GateTrainer
from lipstream.train.gate.views import CONDITIONS

RECIPE = """
preset = "tiny-gated"
start_from = "start.safetensors"
data = "data"
[mix]
seconds = 1.0
[pool]
items = 2
renew = 1
[trunk]
steps = 2
batch = 2
seconds = 0.5
[trust]
steps = 1
batch = 2
[joint]
steps = 1
batch = 2
"""


@pytest.fixture
def folder(tmp_path: Path, data: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a recipe, weights and the miniature corpus."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.toml").write_text(RECIPE)
    return tmp_path


@pytest.fixture
def test_set(folder: Path, make_clip: Callable[..., LandmarkClip], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two synthetic clips, one of each group; their landmarks are those of faces that no film shows."""
    place, faces = folder / "data" / "test" / "av", {}
    place.mkdir(parents=True)
    rows = ["id,condition,interference,snr_db,source,speaker,kind"]
    for number, (name, kind) in enumerate(
        (("x1", '"seen speaker, unseen sentence"'), ("x2", "unseen speaker"))
    ):
        clip, other = make_clip(name, number, 3.0), make_clip("o", 9, 3.0)
        faces[f"{name}.mp4"] = (clip.times_s, clip.landmarks)
        soundfile.write(place / f"{name}.talker.clean.flac", clip.sound, 16000)
        soundfile.write(place / f"{name}.talker.noisy.flac", clip.sound + other.sound, 16000)
        rows.append(f"{name},talker,other,0,mini,{name},{kind}")
    (place.parent / "av.csv").write_text("\n".join(rows) + "\n")
    for reader in ("read_landmarks", "filmed_photograph"):
        monkeypatch.setattr(judging, reader, lambda path: faces[path.name])
    return folder / "data"


def test_weights_are_trained_judged_and_the_checkpoint_is_gone(
    folder: Path, test_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cue", "gate", "short.toml", "--out", "out/new.safetensors", "--threads", "1"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told[:3]] == ["trunk 2/2", "trust 1/1", "joint 1/1"]
    assert told[-1] == str(Path("out/new.safetensors"))
    assert [path.name for path in (folder / "out").iterdir()] == ["new.safetensors"]

    judged = ["cue", "judge", "out/new.safetensors", "--preset", "tiny-gated", "--data", str(test_set)]
    assert main(judged) == 0
    lines = capsys.readouterr().out.splitlines()
    groups = [tuple(line.split()[:2]) for line in lines[1:]]
    count = len(CONDITIONS)
    assert [groups[block * count] for block in range(4)] == [
        ("strangers", "talker"),
        ("strangers", "clean"),
        ("seen", "talker"),
        ("seen", "clean"),
    ]
    assert len(lines) > 1 + 4 * count  # alpha by second is told as well


def test_ctrl_c_ends_with_a_checkpoint_from_which_the_same_command_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, step = signal.getsignal(signal.SIGINT), GateTrainer._step

    def interrupted(trainer: GateTrainer, *given: object) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        return step(trainer, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(GateTrainer, "_step", interrupted)
        assert main(["cue", "gate", "short.toml", "--out", "new.safetensors"]) == 130
    told = capsys.readouterr().err.splitlines()
    assert told == ["lipstream: warning: stopped after step 1: the same command goes on from there"]
    assert signal.getsignal(signal.SIGINT) is usual
    assert (folder / "new.safetensors.checkpoint").is_file()
    assert not (folder / "new.safetensors").exists()
    assert main(["cue", "gate", "short.toml", "--out", "new.safetensors"]) == 0
    assert not (folder / "new.safetensors.checkpoint").exists()


def test_bad_input_is_told_in_one_line_before_anything_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert main(["cue", *arguments]) == 2
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1
        return told[0]

    assert "no such recipe" in refused("gate", "none.toml", "--out", "new/x")
    assert "--threads must be at least 1" in refused("gate", "short.toml", "--out", "new/x", "--threads", "0")
    assert not (folder / "new").exists()
    assert "no such weights file" in refused("judge", "none.safetensors", "--data", "data")
    assert "av.csv is missing" in refused(
        "judge", "start.safetensors", "--preset", "tiny-gated", "--data", "data"
    )
