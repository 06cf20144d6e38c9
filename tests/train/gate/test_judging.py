"""Lips are judged against the audio-only output, in every condition, seen speakers and strangers apart."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.models.config import PRESETS
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.checkpoint import load_model
from lipstream.train.cue.views import example_of
from lipstream.train.data.landmark_corpus import LandmarkClip
from lipstream.train.gate.judging import JudgedClip, alpha_table_of, judge, table_of
from lipstream.train.gate.views import CONDITIONS


@pytest.fixture
def clips(make_clip: Callable[..., LandmarkClip]) -> list[JudgedClip]:
    """One speaker of the training with another one, one stranger alone."""
    seen, stranger = make_clip("a", 1, 3.0), make_clip("b", 2, 3.0)
    both = seen.sound + stranger.sound
    faces = [example_of(clip).landmarks for clip in (seen, stranger)]
    return [
        JudgedClip("a", "seen", "talker", both, seen.sound, faces[0], still(faces[0])),
        JudgedClip("b", "strangers", "clean", stranger.sound, stranger.sound, faces[1], still(faces[1])),
    ]


def still(landmarks: Float32) -> Float32:
    """A photograph of the last face, trembling by some hundredths of a pixel."""
    noise = np.random.default_rng(0).normal(0, 0.02, landmarks.shape)
    return (landmarks[-1] + noise).astype(np.float32)


@pytest.fixture
def net(gated: str, weights: Path) -> LiteAVSEMamba:
    return load_model(gated, weights)


def test_each_clip_is_judged_in_each_condition(net: LiteAVSEMamba, clips: list[JudgedClip]) -> None:
    verdicts = list(judge(net, clips))
    assert [verdict.lips for verdict in verdicts] == [*CONDITIONS, *CONDITIONS]
    assert np.isfinite([verdict[3:8] for verdict in verdicts]).all()
    assert all(0.0 <= verdict.alpha < 1.0 for verdict in verdicts)
    assert all(len(verdict.alpha_by_second) == 3 for verdict in verdicts)
    assert all(verdict.alpha > 0.0 for verdict in verdicts if verdict.lips in ("right", "mirrored"))


def test_no_video_and_pictures_that_stand_still_change_nothing(
    net: LiteAVSEMamba, clips: list[JudgedClip]
) -> None:
    for verdict in judge(net, clips):
        if verdict.lips in ("black", "identical still", "H.264 still"):
            assert verdict.alpha_by_second == (0.0, 0.0, 0.0)
            assert verdict.si_sdr_gain_db == pytest.approx(0.0, abs=1e-6)


def test_a_gate_that_never_trusts_changes_nothing(net: LiteAVSEMamba, clips: list[JudgedClip]) -> None:
    assert net.gate is not None
    with torch.no_grad():
        net.gate.trust.leave.bias.fill_(-100.0)
        net.gate.trust.leave.weight.zero_()
    for verdict in judge(net, clips):
        assert verdict.alpha < 1e-6
        assert abs(verdict.si_sdr_gain_db) < 1e-3
        assert abs(verdict.estoi_gain) < 1e-3
        assert abs(verdict.level_db) < 1e-3


def test_a_gate_that_closes_all_by_half_costs_6_db_of_level_and_no_sdr(
    net: LiteAVSEMamba, clips: list[JudgedClip]
) -> None:
    assert net.gate is not None
    with torch.no_grad():
        net.gate.trust.leave.bias.fill_(100.0)
        net.gate.trust.leave.weight.zero_()
        net.gate.trust.speed_logits.fill_(100.0)  # alpha is 1 from the start
        net.gate.leave.weight.zero_()
        net.gate.leave.bias.zero_()  # half closed
    verdict = next(iter(judge(net, clips)))
    assert verdict.alpha == pytest.approx(1.0)
    assert verdict.level_db == pytest.approx(-6.02, abs=0.1)  # nothing has moved at the very start
    assert verdict.si_sdr_gain_db == pytest.approx(0.0, abs=0.05)


def test_the_table_has_means_and_the_worst_clip(net: LiteAVSEMamba, clips: list[JudgedClip]) -> None:
    verdict = next(iter(judge(net, clips)))
    two = [
        verdict._replace(si_sdr_gain_db=1.0, level_db=0.5),
        verdict._replace(si_sdr_gain_db=-3.0, level_db=-2.0),
    ]
    rest = [verdict._replace(lips=lips) for lips in CONDITIONS[1:]]
    lines = table_of([*two, *rest]).splitlines()
    assert len(lines) == 1 + len(CONDITIONS)
    assert lines[1].split()[:4] == ["seen", "talker", "right", "2"]
    numbers = lines[1].split()[4:]
    assert numbers[1:3] == ["-1.00", "-3.00"]
    assert numbers[-2:] == ["-0.75", "-2.00"]


def test_alpha_is_told_by_second(net: LiteAVSEMamba, clips: list[JudgedClip]) -> None:
    verdict = next(iter(judge(net, clips)))
    verdicts = [
        verdict._replace(lips=lips, alpha_by_second=alpha)
        for lips in CONDITIONS
        for alpha in ((0.0, 0.5, 1.0), (0.5, 0.5, 0.5, 0.9))
    ]
    lines = alpha_table_of(verdicts).splitlines()
    assert len(lines) == 1 + len(CONDITIONS)
    assert lines[0].split()[-6:] == ["0-1", "s", "1-2", "s", "2-3", "s"]
    assert lines[1].split() == ["seen", "talker", "right", "0.25", "0.50", "0.75"]


def test_one_speaker_alone_and_models_without_gate_are_refused(
    net: LiteAVSEMamba, clips: list[JudgedClip], gated: str
) -> None:
    with pytest.raises(InputError, match="clips of one speaker"):
        next(iter(judge(net, clips[:1])))
    crops = replace(PRESETS["base"], num_blocks=1)
    with pytest.raises(InputError, match="has no voice gate to judge"):
        next(iter(judge(LiteAVSEMamba(crops), clips)))
