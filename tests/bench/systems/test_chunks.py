"""Streaming test recordings through an Enhancer: aligned, and with the lips of their own video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipstream.bench.data.builtin import Item, RecordingSet
from lipstream.bench.systems import chunks as evaluation
from lipstream.bench.systems.chunks import enhance_in_chunks, evaluate
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S, Runtime

MakeSpeech = Callable[[float], np.ndarray]


def crop(brightness: int) -> np.ndarray:
    return np.full((96, 96, 3), brightness, np.uint8)


@pytest.mark.parametrize("samples", [1, 319, 320, 4000, 4321])
def test_the_output_is_aligned_with_the_input_and_as_long(pass_through: Runtime, samples: int):
    wave = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    out = enhance_in_chunks(Enhancer(runtime=pass_through), wave)
    np.testing.assert_allclose(out, wave, atol=1e-6)


def test_lips_count_from_their_own_time_on(pass_through: Any):
    wave = np.zeros(1600, np.float32)
    enhance_in_chunks(
        Enhancer(runtime=pass_through), wave, [(0.0, crop(9)), (0.0, crop(10)), (0.04, crop(20))]
    )
    brightness = [seen for seen, _ in pass_through.seen[:8]]
    assert brightness == [10, 10, 10, 20, 20, 20, 20, 20]
    assert pass_through.seen[3][1] == pytest.approx(0.01)


def test_one_recording_never_hears_or_sees_the_one_before(pass_through: Any):
    enhancer = Enhancer(runtime=pass_through)
    enhance_in_chunks(enhancer, np.ones(1000, np.float32), [(0.0, crop(9)), (0.0, crop(10))])
    out = enhance_in_chunks(enhancer, np.zeros(1000, np.float32))
    assert not np.any(out)
    assert {age for _, age in pass_through.seen} == {NO_VIDEO_AGE_S}


def test_an_enhancer_that_passes_its_input_through_scores_like_the_noisy_signal(
    pass_through: Runtime, speech_like: MakeSpeech
):
    clean = speech_like(1.5)
    noisy = clean + 0.02 * np.random.default_rng(1).standard_normal(clean.size).astype(np.float32)
    report = evaluate([Item("a", "noise", 5.0, noisy, clean)], runtime=pass_through)
    scores = report.items[0].scores
    assert report.signals == ("noisy", "enhanced")
    assert scores["enhanced"].pesq_wb == pytest.approx(scores["noisy"].pesq_wb, abs=1e-3)
    assert scores["enhanced"].si_sdr_db == pytest.approx(scores["noisy"].si_sdr_db, abs=1e-3)


@pytest.mark.parametrize(
    ("video", "signals"), [(True, ["noisy", "enhanced", "with video"]), (False, ["noisy", "enhanced"])]
)
def test_a_video_is_used_beside_the_audio_alone_unless_it_is_unwanted(
    video: bool,
    signals: list[str],
    pass_through: Any,
    speech_like: MakeSpeech,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(evaluation, "lips_of", lambda path: [(0.0, crop(6)), (0.0, crop(7))])
    wave = speech_like(1.0)
    item = Item("a", "noise", 5.0, wave, wave, video=Path("face.mp4"))
    report = evaluate([item], runtime=pass_through, video=video)
    assert list(report.signals) == signals
    assert {seen for seen, _ in pass_through.seen} == ({7.0} if video else {0.0})


def test_a_real_recording_runs_through_with_its_video(pass_through: Any, shared_data: Path):
    pytest.importorskip("mediapipe")
    item = next(iter(RecordingSet("av", shared_data)))
    scores = evaluate([item], runtime=pass_through).items[0].scores
    assert scores["with video"].si_sdr_db == pytest.approx(scores["noisy"].si_sdr_db, abs=1e-3)
    assert len({seen for seen, _ in pass_through.seen}) > 1
