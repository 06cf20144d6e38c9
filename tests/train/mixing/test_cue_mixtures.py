"""Mixtures with cues: the same sound as without, and modality conflict, which a VCE that hears can learn."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.errors import InputError
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S
from lipstream.train.cue.errors import load_errors
from lipstream.train.cue.levels import true_cue
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.mixing.cue_mixtures import CueBatch, CueMixer
from lipstream.train.mixing.cues import CueConfig
from lipstream.train.mixing.mixtures import MixConfig, Mixer
from lipstream.train.mixing.video_mixtures import VideoConfig, held

HOP = 200
RIGHT = CueConfig(weights=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
LATE = CueConfig(weights=(0.0, 0.0, 1.0, 0.0, 0.0, 0.0))


@pytest.fixture
def mixer(data: Path, tmp_path: Path) -> Mixer:
    corpus = read_corpus(read_library(str(data)), tmp_path / "cache")
    return Mixer(corpus, MixConfig(0.8, source_weights={"mini": 1.0}))


def make(mixer: Mixer, video: VideoConfig, hears: bool = True) -> CueMixer:
    return CueMixer(mixer, load_errors(), video, HOP, hears)


def test_the_sound_is_what_it_is_without_cues(mixer: Mixer) -> None:
    cues = make(mixer, VideoConfig(share=1.0, conflict=0.5))
    for seed in range(4):
        noisy, clean, view = cues.draw(np.random.default_rng(seed))
        for wave, wanted in zip((noisy, clean), mixer.draw(np.random.default_rng(seed)), strict=True):
            np.testing.assert_array_equal(wave, wanted)
        assert view.cue.shape == (20, 10)
        assert view.newest.shape == view.age_s.shape == (64,)


def test_a_cue_tells_of_the_speech_that_is_meant_and_one_in_conflict_does_not(mixer: Mixer) -> None:
    agreement = []
    for conflict in (0.0, 1.0):
        cues, found = make(mixer, VideoConfig(share=1.0, conflict=conflict, cues=RIGHT)), []
        for seed in range(40):
            _, clean, view = cues.draw(np.random.default_rng(seed))
            assert view.trust == 1.0 - conflict
            assert view.kind == ("wrong" if conflict else "right")
            found.append(np.corrcoef(true_cue(clean)[:, -1], view.cue[:, 4])[0, 1])
        agreement.append(np.mean(found))
    assert agreement[0] > 0.4
    assert agreement[1] < agreement[0] - 0.2


@pytest.mark.parametrize("video", [VideoConfig(conflict=1.0), VideoConfig(cues=LATE)], ids=["wrong", "late"])
def test_a_vce_that_only_sees_learns_nothing_of_lips_that_look_as_good_as_any(
    mixer: Mixer, video: VideoConfig
) -> None:
    views = [make(mixer, video, hears).draw(np.random.default_rng(0))[2] for hears in (False, True)]
    assert math.isnan(views[0].trust)
    assert views[1].trust == 0.0


def test_conflict_comes_as_often_as_it_says_and_asks_for_no_number_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    share = np.mean([VideoConfig(conflict=0.15).draws_conflict(rng) for _ in range(4000)])
    assert share == pytest.approx(0.15, abs=0.02)
    before = rng.bit_generator.state
    assert not VideoConfig().draws_conflict(rng)
    assert rng.bit_generator.state == before
    for conflict in (-0.1, 1.1):
        with pytest.raises(InputError, match=r"video.conflict must be between 0 and 1"):
            VideoConfig(conflict=conflict)


def test_views_of_a_batch_are_held_until_the_next_tick(mixer: Mixer) -> None:
    cues = make(mixer, VideoConfig(share=1.0))
    views = [cues.draw(np.random.default_rng(seed))[2] for seed in range(5)]
    batch = CueBatch.of(views)
    shown, age_s = held(batch.cue, batch.newest, batch.age_s)
    assert shown.shape == (5, 64, 10)
    for row, view in enumerate(views):
        known = view.age_s < NO_VIDEO_AGE_S
        np.testing.assert_array_equal(shown[row, known], view.cue[view.newest[known]])
        assert not shown[row, ~known].any()
        torch.testing.assert_close(age_s[row], torch.from_numpy(view.age_s))
