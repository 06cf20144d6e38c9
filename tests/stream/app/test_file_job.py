"""A file that a visitor drops: what is cleaned, what is looked at, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.stream.app import file_job
from lipstream.stream.app.file_job import choose_inputs, clean_file, limit_of_strength, remove_outputs

DEMO = Path(__file__).resolve().parents[3] / "demo"
SOUND, PICTURES = DEMO / "example.flac", DEMO / "example.mp4"


def ignore(done_s: float, total_s: float) -> None:
    pass


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    wave = 0.1 * np.random.default_rng(1).standard_normal((9600, 2))
    soundfile.write(tmp_path / "noisy.wav", wave, 48_000)
    return tmp_path / "noisy.wav"


@pytest.mark.parametrize(("percent", "limit"), [(0, 0.0), (50, 6.02), (90, 20.0), (100, 100.0)])
def test_strength_is_the_share_of_the_input_that_goes(percent: float, limit: float) -> None:
    assert limit_of_strength(percent) == pytest.approx(limit, abs=0.01)


def test_of_a_recording_and_its_video_the_recording_is_cleaned() -> None:
    assert choose_inputs([PICTURES, SOUND]) == (SOUND, PICTURES)
    assert choose_inputs([SOUND, PICTURES]) == (SOUND, PICTURES)
    assert choose_inputs([SOUND]) == (SOUND, None)


def test_what_goes_in_and_comes_out_is_shown_as_long_as_it_is(noisy: Path, tmp_path: Path) -> None:
    told: list[float] = []
    cleaned = clean_file([noisy], tmp_path, "lite", 100, True, lambda done_s, _: told.append(done_s))
    assert told == pytest.approx([0.1, 0.2])
    assert [moment.time_s for moment in cleaned.moments] == pytest.approx(told)
    assert all(moment[1:] == (0.0, 0, 0) for moment in cleaned.moments)
    assert cleaned.rate == 48_000
    assert cleaned.before.shape == cleaned.after.shape == (9600,)
    assert np.square(cleaned.after).mean() < 0.5 * np.square(cleaned.before).mean()
    assert cleaned.output.name == "noisy.clean.wav"


def test_without_strength_the_input_comes_back(noisy: Path, tmp_path: Path) -> None:
    cleaned = clean_file([noisy], tmp_path, "lite", 0, False, ignore)
    np.testing.assert_allclose(cleaned.after, cleaned.before, atol=2**-14)


def test_files_that_it_cannot_take_are_refused(
    noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").write_text("no sound")
    for given, message in (
        ([], "0 files were given"),
        ([noisy] * 3, "3 files were given"),
        ([noisy, SOUND], "one must be a video"),
        ([tmp_path / "text.txt"], "text.txt"),
        ([PICTURES], "holds no sound"),
    ):
        with pytest.raises(InputError, match=message):
            clean_file(given, tmp_path, "lite", 100, False, ignore)
    monkeypatch.setattr(file_job, "MAX_S", 0.1)
    with pytest.raises(InputError, match="longer than"):
        clean_file([noisy], tmp_path, "lite", 100, False, ignore)
    monkeypatch.setattr(file_job, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="larger than"):
        clean_file([noisy], tmp_path, "lite", 100, False, ignore)
    assert not any(path.suffix == ".part" for path in tmp_path.rglob("*"))


def test_only_old_outputs_are_removed(noisy: Path, tmp_path: Path) -> None:
    old, new = (clean_file([noisy], tmp_path, "lite", 100, False, ignore).output for _ in range(2))
    os.utime(old.parent, (0, 0))
    remove_outputs(tmp_path, 600)
    assert (old.parent.exists(), new.is_file(), noisy.is_file()) == (False, True, True)
