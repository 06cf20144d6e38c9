"""Encoder C: landmarks to a cue, whatever the place, size and tilt of the face and the rate of the camera."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from lipstream.models.config import LandmarkConfig
from lipstream.models.lips.landmarks import (
    LEVELS,
    LandmarkGeometry,
    LandmarkState,
    LandmarkVisualEncoder,
    join_members,
)
from lipstream.models.lips.points import MIRRORED, POINTS, TICK_S
from lipstream.models.state import flatten_state, state_names, unflatten_state
from lipstream.models.store.registry import NO_VIDEO_AGE_S

Check = Callable[..., None]

SMALL = LandmarkConfig(channels=6, members=2, memory_ticks=10)
EYES = [POINTS.index(33), POINTS.index(263)]
NOSE = POINTS.index(1)


def talking(ticks: int, batch: int = 2, seed: int = 0) -> Tensor:
    """Faces of 60 pixels from eye to eye that move at random, ``[B, T, 44, 3]``."""
    generator = torch.Generator().manual_seed(seed)
    face = 40.0 * torch.rand(batch, 1, len(POINTS), 3, generator=generator) + 100.0
    face[:, :, EYES[0]] = torch.tensor([90.0, 80.0, 0.0])
    face[:, :, EYES[1]] = torch.tensor([150.0, 80.0, 0.0])
    moves = 2.0 * torch.randn(batch, ticks, len(POINTS), 3, generator=generator)
    moves[:, :, [*EYES, NOSE]] = 0.0
    return face + moves


class Joined:
    """The encoder as a layer of one input, ``[B, T, 44 * 3 + 1]``: landmarks and age."""

    def __init__(self, encoder: LandmarkVisualEncoder) -> None:
        self.encoder = encoder

    def init_state(self, batch: int) -> LandmarkState:
        return self.encoder.init_state(batch)

    def __call__(self, x: Tensor, state: LandmarkState | None = None) -> tuple[Tensor, LandmarkState]:
        return self.encoder(x[..., :-1].unflatten(-1, (-1, 3)), x[..., -1].abs(), state)

    def step(self, x: Tensor, state: LandmarkState) -> tuple[Tensor, LandmarkState]:
        return self.encoder.step(x[..., :-1].unflatten(-1, (-1, 3)), x[..., -1].abs(), state)


class Scene(NamedTuple):
    landmarks: Tensor
    age_s: Tensor


def scene(name: str, ticks: int = 30) -> Scene:
    """What a camera shows: ``steady``, ``slow`` (every other tick), ``dropped`` frames, a ``lost`` face."""
    landmarks, age_s = talking(ticks), torch.zeros(2, ticks)
    if name == "slow":
        landmarks[:, 1::2] = landmarks[:, 0:-1:2]
        age_s[:, 1::2] = TICK_S
    elif name == "dropped":
        landmarks[:, 10:14] = landmarks[:, 9:10]
        age_s[:, 10:14] = TICK_S * torch.arange(1, 5)
    elif name == "lost":
        landmarks[:, 8:] = 0.0
    return Scene(landmarks, age_s)


SCENES = pytest.mark.parametrize("name", ["steady", "slow", "dropped", "lost"])


@pytest.fixture
def encoder() -> LandmarkVisualEncoder:
    torch.manual_seed(0)
    made = LandmarkVisualEncoder(SMALL)
    made.scale.fill_(0.05)
    made.prior.fill_(0.7)
    return made.eval()


@SCENES
def test_steps_and_chunks_give_one_pass(
    name: str, encoder: LandmarkVisualEncoder, assert_streams: Check
) -> None:
    landmarks, age_s = scene(name)
    assert_streams(Joined(encoder), torch.cat([landmarks.flatten(2), age_s.unsqueeze(-1)], -1), 1, 1)


def test_a_cue_never_sees_the_future(encoder: LandmarkVisualEncoder, assert_causal: Check) -> None:
    landmarks, age_s = scene("steady", 16)
    assert_causal(Joined(encoder), torch.cat([landmarks.flatten(2), age_s.unsqueeze(-1)], -1), 1, 1)


def test_the_tensors_of_its_state_have_names(encoder: LandmarkVisualEncoder) -> None:
    names = state_names(encoder.init_state(1))
    assert names[:3] == ["geometry.shape", "geometry.velocity", "geometry.mean"]
    assert names[-2:] == ["convolutions.0", "convolutions.1"]
    assert all(not tensor.any() for tensor in flatten_state(encoder.init_state(1)))


@torch.no_grad()
def test_a_face_may_be_anywhere_of_any_size_and_tilt(encoder: LandmarkVisualEncoder) -> None:
    landmarks, age_s = scene("steady")
    cos, sin = np.cos(0.4), np.sin(0.4)
    turn = torch.tensor([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float32)
    elsewhere = 2.5 * landmarks @ turn + torch.tensor([300.0, -70.0, 20.0])
    torch.testing.assert_close(
        encoder(elsewhere, age_s)[0], encoder(landmarks, age_s)[0], rtol=1e-3, atol=1e-3
    )


@torch.no_grad()
def test_a_constant_stretch_of_the_face_does_not_count_but_movement_does() -> None:
    """The running mean takes out what a face looks like."""
    geometry = LandmarkGeometry(10)
    landmarks, age_s = scene("steady", 40)
    other = landmarks.clone()
    other[:, :, 5] += 7.0
    shapes, others = (geometry(points, age_s)[0][..., :164] for points in (landmarks, other))
    torch.testing.assert_close(shapes, others, rtol=1e-3, atol=1e-4)
    other[:, 20:, 5] += 7.0
    assert not torch.allclose(geometry(other, age_s)[0][:, 20, :164], shapes[:, 20], atol=1e-2)


@torch.no_grad()
def test_the_mean_begins_as_a_plain_mean_and_then_fades() -> None:
    geometry = LandmarkGeometry(10)
    landmarks, age_s = scene("steady", 6)
    _, _, state = geometry(landmarks, age_s)
    single = torch.stack([geometry(landmarks[:, k : k + 1], age_s[:, :1])[2].shape for k in range(6)])
    torch.testing.assert_close(state.mean, single.mean(0))
    assert state.seen.flatten().tolist() == [6.0, 6.0]
    assert geometry(talking(15), torch.zeros(2, 15))[2].seen.flatten().tolist() == [10.0, 10.0]


@pytest.mark.parametrize("frames_per_second", [10, 12.5, 25, 50])
@torch.no_grad()
def test_velocity_is_the_change_in_a_ticks_time_at_any_frame_rate(frames_per_second: float) -> None:
    """Of lips that open at a constant speed."""
    geometry, ticks = LandmarkGeometry(100), 25
    now_s = TICK_S * torch.arange(ticks)
    captured_s = torch.floor(now_s * frames_per_second + 1e-4) / frames_per_second
    landmarks = talking(1, 1).repeat(1, ticks, 1, 1)
    landmarks[:, :, 3, 1] += 50.0 * captured_s  # pixels a second, of 60 pixels between the eyes
    features, _, _ = geometry(landmarks, (now_s - captured_s).unsqueeze(0))
    velocity = features[0, :, 82:164].reshape(ticks, 2, 41)[-1, 1, 3]
    torch.testing.assert_close(velocity, torch.tensor(50.0 * TICK_S / 60.0), rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_before_a_face_and_long_after_it_the_cue_says_nothing(encoder: LandmarkVisualEncoder) -> None:
    """Means of exactly 0, variances of the levels themselves."""
    landmarks, age_s = scene("lost", 40)
    landmarks[:, :4] = 0.0
    cue, _ = encoder(landmarks, age_s)
    assert cue[:, 4:8, :LEVELS].any()
    for silent in (cue[:, :4], cue[:, 24:]):  # the last face is of tick 7: 0.64 s old at tick 24
        assert torch.equal(silent[..., :LEVELS], torch.zeros_like(silent[..., :LEVELS]))
        torch.testing.assert_close(silent[..., LEVELS:], torch.full_like(silent[..., LEVELS:], 0.7))


@torch.no_grad()
def test_landmarks_too_old_count_as_none(encoder: LandmarkVisualEncoder) -> None:
    landmarks, _ = scene("steady", 5)
    cue, _ = encoder(landmarks, torch.full((2, 5), NO_VIDEO_AGE_S))
    assert not cue[..., :LEVELS].any()


@torch.no_grad()
def test_a_face_that_comes_back_after_a_second_is_a_new_one() -> None:
    geometry = LandmarkGeometry(50)
    landmarks = talking(60)
    landmarks[:, 20:50] = 0.0
    _, _, state = geometry(landmarks, torch.zeros(2, 60))
    assert state.seen.flatten().tolist() == [10.0, 10.0]


@torch.no_grad()
def test_members_that_disagree_are_less_sure() -> None:
    means = torch.tensor([[[[0.0] * LEVELS, [2.0] * LEVELS]]])
    alike, apart = (
        join_members(means * 0.0, torch.ones_like(means)),
        join_members(means, torch.ones_like(means)),
    )
    torch.testing.assert_close(apart[..., :LEVELS], torch.ones(1, 1, LEVELS))
    torch.testing.assert_close(apart[..., LEVELS:].exp(), alike[..., LEVELS:].exp() + 1.0)


def test_a_mirrored_face_mirrored_again_is_itself() -> None:
    assert [MIRRORED[index] for index in MIRRORED] == list(range(len(POINTS)))
    assert sum(index == twin for index, twin in enumerate(MIRRORED)) == 6  # lips' middle, chin, nose


def test_it_is_small() -> None:
    assert (
        sum(parameter.numel() for parameter in LandmarkVisualEncoder(LandmarkConfig()).parameters()) < 75_000
    )


class Step(torch.nn.Module):
    """A step with its state as flat arguments."""

    def __init__(self, encoder: LandmarkVisualEncoder) -> None:
        super().__init__()
        self.encoder, self.like = encoder, encoder.init_state(1)

    def forward(self, landmarks: Tensor, age_s: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        cue, after = self.encoder.step(landmarks, age_s, unflatten_state(self.like, state))
        return cue, *flatten_state(after)


@torch.no_grad()
def test_the_exported_graph_gives_the_same_for_50_ticks(
    encoder: LandmarkVisualEncoder, tmp_path: Path
) -> None:
    step, names = Step(encoder).eval(), state_names(encoder.init_state(1))
    state = [tensor.clone() for tensor in flatten_state(step.like)]
    program = torch.onnx.export(
        step,
        (torch.zeros(1, len(POINTS), 3), torch.zeros(1), *state),
        input_names=["landmarks", "age_s", *names],
        output_names=["cue", *(f"{name}.after" for name in names)],
        opset_version=23,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.save(tmp_path / "cue.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "cue.onnx"), providers=["CPUExecutionProvider"])
    landmarks, age_s = scene("dropped", 50)
    landmarks[:, 20:36] = 0.0
    expected, last = encoder(landmarks[:1], age_s[:1])
    feed = {name: tensor.numpy() for name, tensor in zip(names, state, strict=True)}
    found = []
    for tick in range(50):
        given = {"landmarks": landmarks[:1, tick].numpy(), "age_s": age_s[:1, tick].numpy(), **feed}
        cue, *after = session.run(None, given)
        feed = dict(zip(names, after, strict=True))
        found.append(cue)
    np.testing.assert_allclose(np.stack(found, 1), expected.numpy(), rtol=1e-4, atol=1e-5)
    for name, tensor in zip(names, flatten_state(last), strict=True):
        np.testing.assert_allclose(feed[name], tensor.numpy(), rtol=1e-4, atol=1e-5)
