"""What is left of speech that should stay as it is."""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.bench.commands.quality import add_parsers
from lipstream.bench.data import fidelity
from lipstream.bench.data.builtin import Item
from lipstream.bench.data.fidelity import (
    Case,
    FidelityReport,
    ItemFidelity,
    at_level,
    measure_fidelity,
    score_case,
    speech_cases,
)
from lipstream.bench.metrics.level import active_level_db
from lipstream.errors import InputError
from lipstream.stream.enhancer import Enhancer

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture(scope="module")
def speech(speech_like: MakeSpeech) -> np.ndarray:
    return speech_like(1.5)


def noisy_item(name: str, speech: np.ndarray, speaker: str, snr_db: float = 5.0) -> Item:
    noise = 0.02 * np.random.default_rng(1).standard_normal(speech.size).astype(np.float32)
    return Item(name, "noise", snr_db, speech + noise, speech, speaker=speaker)


def test_speech_comes_at_the_levels_that_are_told(speech: np.ndarray):
    cases = {case.condition: case for case in speech_cases("a", speech)}
    assert list(cases) == [
        "clean",
        "-40 dBFS",
        "-50 dBFS",
        "whispered",
        "whispered, -40 dBFS",
        "-40 dBFS in hiss of -65 dBFS",
    ]
    levels = {name: active_level_db(case.speech) for name, case in cases.items()}
    assert levels["clean"] == active_level_db(speech)
    assert [levels[name] for name in ("-40 dBFS", "whispered, -40 dBFS")] == pytest.approx([-40] * 2, abs=0.1)
    assert levels["-50 dBFS"] == pytest.approx(-50, abs=0.1)
    *alone, hissing = cases.values()
    assert all(case.given is case.speech for case in alone)
    assert 20 * np.log10(np.std(hissing.given - hissing.speech)) == pytest.approx(-65, abs=0.2)


def test_silence_has_no_level_to_set():
    with pytest.raises(InputError, match="no speech"):
        at_level(np.zeros(16000, np.float32), -40.0)


def test_a_softer_copy_has_its_level_error_and_nothing_else(speech: np.ndarray):
    scores = score_case(Case("a", "clean", speech, speech), np.float32(10 ** (-3 / 20)) * speech)
    assert scores.level_error_db == pytest.approx(-3.0, abs=1e-4)
    assert scores.pesq_wb > 4.6
    assert scores.estoi == pytest.approx(1.0, abs=1e-6)
    assert scores.eaten_percent == 0.0


def test_in_noise_only_the_gain_of_the_speech_counts(speech: np.ndarray):
    item = noisy_item("a", speech, "x")
    scores = score_case(Case("a", "noise", speech, item.noisy, 5.0), np.float32(0.5) * item.noisy)
    assert scores.level_error_db == pytest.approx(-6.02, abs=0.2)
    assert math.isnan(scores.pesq_wb)
    assert math.isnan(scores.eaten_percent)


def test_each_speaker_is_taken_once_and_noise_as_often_as_it_is_there(speech: np.ndarray, pass_through: Any):
    items = [noisy_item("a", speech, "x"), noisy_item("b", speech, "x", 0.0), noisy_item("c", speech, "y")]
    report = measure_fidelity(items, runtime=pass_through, speakers=1)
    assert {item.id for item in report.items if item.condition == "clean"} == {"a"}
    summaries = {row.condition: row for row in report.summaries()}
    assert list(summaries)[-3:] == ["noise, 0 dB", "noise, 5 dB", "noise, all"]
    assert summaries["noise, all"].count == 2
    for name in ("clean", "-50 dBFS", "whispered"):
        assert summaries[name].pesq_wb > 4.6
        assert summaries[name].worst_level_error_db == pytest.approx(0.0, abs=1e-3)


def test_means_are_of_what_is_defined_and_the_worst_keeps_its_sign():
    report = FidelityReport(
        (
            ItemFidelity("a", "clean", math.inf, 1.0, 4.0, 0.9, 0.0),
            ItemFidelity("b", "clean", math.inf, -2.0, math.nan, 0.7, 10.0),
            ItemFidelity("c", "clean", math.inf, math.nan, 3.0, 0.8, 20.0),
        )
    )
    (row,) = report.summaries()
    assert (row.count, row.level_error_db, row.worst_level_error_db) == (3, 1.5, -2.0)
    assert (row.pesq_wb, row.estoi, row.eaten_percent) == pytest.approx((3.5, 0.8, 10.0))
    assert "-2.00" in report.table()


def test_the_command_prints_a_table_and_keeps_every_case(
    speech: np.ndarray,
    pass_through: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    (tmp_path / "test" / "audio").mkdir(parents=True)
    item = noisy_item("n1", speech, "x")
    soundfile.write(tmp_path / "test" / "audio" / "n1.clean.flac", item.clean, 16000)
    soundfile.write(tmp_path / "test" / "audio" / "n1.noisy.flac", item.noisy, 16000)
    (tmp_path / "test" / "audio.csv").write_text("id,condition,snr_db,speaker\nn1,noise,5,x\n")
    monkeypatch.setattr(fidelity, "Enhancer", lambda *_: Enhancer(runtime=pass_through))
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    file = tmp_path / "fidelity.json"
    args = parser.parse_args(["bench", "fidelity", "--data", str(tmp_path), "--json", str(file)])
    assert args.run(args) == 0
    assert "whispered" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert (written["model"], written["runtime"]) == ("lite", "onnx")
    assert len(written["items"]) == 7
    assert written["summaries"][-1]["condition"] == "noise, all"
    assert written["summaries"][-1]["pesq_wb"] is None
