"""A tree of recordings: what `enhance_file` makes of each, at the same place; once; whatever is wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from lipstream import InputError, enhance_file
from lipstream.stream.corpus.run import Tally, plan
from lipstream.stream.corpus.settings import Settings
from lipstream.stream.corpus.table import Manifest
from lipstream.stream.corpus.trees import Tree

pytestmark = pytest.mark.usefixtures("pass_through_model")

Clean = Callable[..., Tally]
ONE, TWO, BROKEN = "one.wav", "talks/late/two.flac", "talks/broken.mp3"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def made(settings: Settings) -> list[str]:
    return [*settings.target.files()]


def to_do(settings: Settings, manifest: Path) -> list[str]:
    with Manifest(manifest) as rows:
        return [job.name for job in plan(settings, rows.rows).jobs]


def test_outputs_are_those_of_enhance_at_the_same_places(
    settings: Settings, manifest: Path, clean: Clean, tmp_path: Path
) -> None:
    tally = clean(settings, manifest)
    assert made(settings) == [ONE, TWO]
    for name in (ONE, TWO):
        enhance_file(settings.source.path(name), alone := tmp_path / Path(name).name)
        assert Path(settings.target.path(name)).read_bytes() == alone.read_bytes()
    assert (tally.files, tally.done, tally.failed, tally.earlier) == (3, 3, 1, 0)
    assert tally.done_size == tally.size


def test_every_file_gets_a_row_and_a_bad_one_ends_nothing(
    settings: Settings, manifest: Path, clean: Clean
) -> None:
    clean(settings, manifest)
    rows = Manifest(manifest).rows
    assert [*rows] == [ONE, BROKEN, TWO]
    assert (rows[TWO].duration_s, rows[TWO].sample_rate, rows[TWO].channels) == (0.1814, 44_100, 2)
    assert rows[ONE].input_dbfs == pytest.approx(-23.0, abs=0.05)
    assert rows[ONE].output_dbfs == pytest.approx(-23.0, abs=0.5)
    assert rows[ONE].rtf is not None
    assert rows[ONE].face_share is None
    assert rows[ONE].error == rows[TWO].error == ""
    assert "broken.mp3 is not audio that can be read" in rows[BROKEN].error
    assert rows[BROKEN].duration_s is None


def test_what_is_done_is_not_done_again(settings: Settings, manifest: Path, clean: Clean) -> None:
    clean(settings, manifest)
    assert to_do(settings, manifest) == [BROKEN]  # it may have been mended
    Path(settings.target.path(ONE)).unlink()
    assert to_do(settings, manifest) == [ONE, BROKEN]
    soundfile.write(settings.source.path(TWO), [0.1, 0.2], 44_100)
    assert to_do(settings, manifest) == [ONE, BROKEN, TWO]
    tally = clean(settings, manifest)
    assert (tally.done, tally.earlier) == (3, 0)
    assert Manifest(manifest).rows[TWO].duration_s == pytest.approx(2 / 44_100, abs=1e-4)


def test_an_output_without_a_row_is_made_again(settings: Settings, manifest: Path, clean: Clean) -> None:
    clean(settings, manifest)
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:2]) + lines[-1][:20])  # as a run leaves it that dies in the middle
    assert to_do(settings, manifest) == [BROKEN, TWO]


def test_rows_of_another_model_are_told_and_made_again_only_if_asked(
    settings: Settings, manifest: Path, clean: Clean
) -> None:
    clean(settings, manifest)
    softer = replace(settings, atten_limit_db=12.0)
    with pytest.raises(InputError, match="made by --model lite --runtime onnx --strength 100: name another"):
        clean(softer, manifest)
    assert clean(softer, manifest, again=True).done == 3
    assert Manifest(manifest).rows[ONE].atten_limit_db == 12.0


def test_what_is_made_is_no_recording(settings: Settings, manifest: Path, clean: Clean) -> None:
    inside = replace(settings, target=Tree(settings.source.path("clean")))
    clean(inside, manifest)
    assert to_do(inside, manifest) == [BROKEN]
    with pytest.raises(InputError, match="SRC and DST are the same"):
        plan(replace(settings, target=settings.source), {})


def test_the_films_of_other_recordings_are_no_recordings(settings: Settings, recordings: Path) -> None:
    for name in ("one.mp4", "alone.mp4"):
        (recordings / name).write_bytes(b"a film")
    lips = replace(settings, video="{dir}/{stem}.mp4")
    names = [job.name for job in plan(lips, {}).jobs]
    assert names == ["alone.mp4", ONE, BROKEN, TWO]
    assert lips.video_of(TWO) == f"{recordings}/talks/late/two.mp4"


def test_a_recording_without_its_film_is_a_row(settings: Settings, manifest: Path, clean: Clean) -> None:
    pytest.importorskip("cv2")
    assert clean(replace(settings, video="{dir}/{stem}.mp4"), manifest).failed == 3
    assert "two.mp4" in Manifest(manifest).rows[TWO].error
    assert made(settings) == []


def test_what_dead_workers_left_is_cleared_away(settings: Settings, manifest: Path, clean: Clean) -> None:
    left = Path(settings.target.path("talks/.lipstream-0123456789ab.part.wav"))
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    clean(settings, manifest)
    assert not left.exists()


@pytest.mark.parametrize(
    ("source", "told"), [("nowhere", "nowhere is no folder: SRC"), ("empty", "holds no audio or video files")]
)
def test_a_source_without_recordings_is_told(
    settings: Settings, tmp_path: Path, source: str, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=told):
        plan(replace(settings, source=Tree(str(tmp_path / source))), {})


def test_trees_may_be_places_by_their_urls(
    settings: Settings, manifest: Path, clean: Clean, recordings: Path, tmp_path: Path
) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.put(str(recordings), "/in", recursive=True)
    there = replace(settings, source=Tree("memory://in"), target=Tree("memory://out"))
    assert clean(there, manifest).failed == 1
    assert made(there) == [ONE, TWO]
    enhance_file(recordings / ONE, tmp_path / "alone.wav")
    assert memory.cat("/out/one.wav") == (tmp_path / "alone.wav").read_bytes()
    assert to_do(there, manifest) == [BROKEN]
    memory.pipe("/in/one.wav", memory.cat("/in/one.wav"))  # the same again, at another time
    assert to_do(there, manifest) == [ONE, BROKEN]


def test_a_place_that_is_not_there_is_told() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(InputError, match="'nosuch://x' cannot be used"):
        Tree("nosuch://x").files()
