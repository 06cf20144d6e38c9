"""How faces and cameras are varied: each variation does what it says, a generator draws the same again."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.lips.landmarks import LandmarkGeometry
from lipstream.models.lips.points import POINTS
from lipstream.models.store.registry import NO_VIDEO_AGE_S
from lipstream.train.cue.views import (
    View,
    ViewConfig,
    draw_view,
    example_of,
    pad_examples,
    plain_view,
)
from lipstream.train.data.landmark_corpus import LandmarkClip

MakeClip = Callable[..., LandmarkClip]

PLAIN = ViewConfig(
    mirror=0.0,
    turn_deg=0.0,
    tilt_deg=0.0,
    gain=0.0,
    jitter=(1e-9, 1e-9),
    other_rate=0.0,
    delayed=0.0,
    dropped=0.0,
    frozen=0.0,
    lost=0.0,
)


@pytest.fixture
def faces(make_clip: MakeClip) -> Tensor:
    """``[3, 50, 44, 3]``."""
    return torch.from_numpy(np.stack([example_of(make_clip("a", seed)).landmarks for seed in range(3)]))


def view(faces: Tensor, seed: int = 0, **changes: object) -> View:
    return draw_view(faces, replace(PLAIN, **changes), np.random.default_rng(seed))  # type: ignore[arg-type]


def test_with_nothing_varied_a_view_is_the_clip(faces: Tensor) -> None:
    seen = view(faces)
    torch.testing.assert_close(seen.landmarks, faces, rtol=1e-4, atol=1e-3)
    assert not seen.age_s.any()


def test_a_view_is_drawn_by_its_generator_alone(faces: Tensor) -> None:
    first, again, other = (draw_view(faces, ViewConfig(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first.landmarks, again.landmarks)
    assert torch.equal(first.age_s, again.age_s)
    assert not torch.equal(first.landmarks, other.landmarks)


def test_a_mirrored_face_moves_as_mirrored(faces: Tensor) -> None:
    seen = view(faces, mirror=1.0)
    x = seen.landmarks[:, :, POINTS.index(61), 0]
    torch.testing.assert_close(x, -faces[:, :, POINTS.index(291), 0], rtol=1e-4, atol=1e-3)


def test_a_turned_head_keeps_the_distances_of_its_points(faces: Tensor) -> None:
    seen = view(faces, turn_deg=35.0, tilt_deg=15.0).landmarks
    assert not torch.allclose(seen, faces, atol=1.0)
    before, after = ((points[:, :, 1:] - points[:, :, :-1]).norm(dim=-1) for points in (faces, seen))
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_trembling_is_as_large_as_it_says(faces: Tensor) -> None:
    error = view(faces, jitter=(0.02, 0.02)).landmarks - faces
    assert float(error.std()) == pytest.approx(0.02 * 60.0, rel=0.05)


@pytest.mark.parametrize("frames_per_second", [10.0, 60.0])
def test_other_cameras_show_a_frame_until_the_next(faces: Tensor, frames_per_second: float) -> None:
    seen = view(faces, other_rate=1.0, frame_rates=(frames_per_second, frames_per_second))
    age_s = seen.age_s[seen.age_s < 1.0]
    assert float(age_s.max()) <= 1.0 / frames_per_second
    assert float(age_s.min()) >= 0.0
    same = (seen.landmarks[:, 6:].diff(dim=1).abs().amax((2, 3)) < 1e-4).float().mean()
    assert float(same) == pytest.approx(0.6 if frames_per_second == 10.0 else 0.0, abs=0.05)


def test_late_landmarks_are_as_old_as_they_say(faces: Tensor) -> None:
    seen = view(faces, delayed=1.0, delay_s=0.08)
    moved = LandmarkGeometry(10)(seen.landmarks, seen.age_s)[0]
    assert torch.isfinite(moved).all()
    late = seen.age_s[:, -1]
    assert ((late > 0) & (late <= 0.08)).all()
    torch.testing.assert_close(seen.age_s[:, 5:], late[:, None].expand(-1, 45))


def test_a_frozen_frame_stands_still_and_looks_new(faces: Tensor) -> None:
    seen = view(faces, frozen=1.0)
    assert not seen.landmarks[:, 25:].diff(dim=1).abs().gt(1e-4).any()
    assert not seen.age_s.any()


def test_dropped_and_lost_frames_age(faces: Tensor) -> None:
    for name in ("dropped", "lost"):
        seen = view(faces, **{name: 1.0})  # type: ignore[arg-type]
        rises = seen.age_s[:, 1:] - seen.age_s[:, :-1]
        assert (seen.age_s > 0).any()
        known = (seen.age_s[:, 1:] < 10.0) & (seen.age_s[:, :-1] < 10.0) & (seen.age_s[:, 1:] > 0)
        torch.testing.assert_close(rises[known], torch.full_like(rises[known], 0.04), rtol=0, atol=1e-4)


def test_where_no_face_was_found_no_view_has_one(faces: Tensor) -> None:
    faces[:, 10:20] = 0.0
    seen = draw_view(faces, replace(PLAIN, turn_deg=30.0, jitter=(0.01, 0.01)), np.random.default_rng(0))
    assert not seen.landmarks[:, 10:20].any()
    assert (plain_view(faces).age_s[:, 10:20] == NO_VIDEO_AGE_S).all()


def test_a_clip_of_another_frame_rate_comes_onto_the_ticks(make_clip: MakeClip) -> None:
    clip = make_clip("a", 0)
    half = LandmarkClip("a", clip.landmarks[::2], clip.times_s[::2], clip.sound)
    example = example_of(half)
    assert example.landmarks.shape == (50, len(POINTS), 3)
    np.testing.assert_allclose(example.landmarks[:-1:2], clip.landmarks[::2], rtol=1e-5)
    between = 0.5 * (clip.landmarks[0] + clip.landmarks[2])
    np.testing.assert_allclose(example.landmarks[1], between, rtol=1e-4)


def test_ticks_without_a_face_near_are_zeros(make_clip: MakeClip) -> None:
    clip = make_clip("a", 0)
    clip.landmarks[10:20] = 0.0
    example = example_of(clip)
    assert not example.landmarks[11:19].any()
    assert example.landmarks[:10].all()
    clip.landmarks[:] = 0.0
    assert not example_of(clip).landmarks.any()


def test_clips_of_any_length_make_a_batch(make_clip: MakeClip) -> None:
    examples = [example_of(make_clip("a", 0, seconds)) for seconds in (1.0, 3.0)]
    landmarks, truth, counts = pad_examples(examples, 40, np.random.default_rng(0))
    assert landmarks.shape == (2, 40, len(POINTS), 3)
    assert truth.shape == (2, 40, 5)
    assert counts[0].tolist() == [True] * 25 + [False] * 15
    assert torch.equal(landmarks.flatten(2).any(-1), counts)


def test_every_tick_of_a_long_clip_is_seen_as_often(make_clip: MakeClip) -> None:
    """So that the mean of what is learnt is that of the clip: 0."""
    example, rng = example_of(make_clip("a", 0, 2.0)), np.random.default_rng(0)
    _, truth, counts = pad_examples([example] * 3000, 30, rng)
    np.testing.assert_allclose(truth[counts].mean(0), 0.0, atol=0.05)


@pytest.mark.parametrize("wrong", [{"mirror": 1.5}, {"turn_deg": -1.0}, {"jitter": (0.1, 0.01)}])
def test_impossible_views_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="views"):
        ViewConfig(**wrong)  # type: ignore[arg-type]
