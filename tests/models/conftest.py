"""Checks that every layer of the state protocol must pass."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.lips.points import POINTS
from lipstream.models.lite_avse import LiteAVSEMamba, build
from lipstream.models.state import State, flatten_state
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S

Check = Callable[..., None]

#: Lengths of chunks, repeated as long as the input lasts.
CHUNKINGS = ((3, 1, 2), (7,), (1, 11))


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference relative to the norm of what is expected."""
    scale = expected.norm().clamp(min=torch.finfo(expected.dtype).tiny)
    return float(((found - expected).norm() / scale).detach())


def _in_chunks(layer: nn.Module, x: Tensor, time: int, lengths: Sequence[int]) -> tuple[list[Tensor], State]:
    start, state = 0, None
    outputs: list[Tensor] = []
    while start < x.shape[time]:
        length = min(lengths[len(outputs) % len(lengths)], x.shape[time] - start)
        y, state = layer(x.narrow(time, start, length), state)
        outputs.append(y)
        start += length
    return outputs, state


def rounding(layer: nn.Module | None) -> float:
    """The relative error that sums in another order may leave in float32: at least 1e-5.

    How a sum is ordered depends on the width of the processor's vectors and on the shape of a product. Each
    number of a sum adds a rounding error of its own, and so does each matrix behind another: errors that
    know nothing of each other grow with the root of how many there are.
    """
    matrices = [] if layer is None else [value for value in layer.parameters() if value.dim() > 1]
    longest = max((matrix[0].numel() for matrix in matrices), default=0)
    return max(1e-5, torch.finfo(torch.float32).eps * math.sqrt(len(matrices) * longest))


def assert_equal_states(found: State, expected: State, layer: nn.Module | None = None) -> None:
    for tensor, wanted in zip(flatten_state(found), flatten_state(expected), strict=True):
        assert tensor.shape == wanted.shape
        assert relative_error(tensor, wanted) <= rounding(layer)


@pytest.fixture(scope="session")
def assert_same() -> Check:
    """Asserts that tensors and (nested) states are equal to rounding: 1e-5, in a deep ``layer`` its own."""
    return assert_equal_states


@pytest.fixture(scope="session")
def assert_streams() -> Check:
    """Asserts that steps and chunks give the output and the final state of one pass, to rounding.

    ``time`` and ``out_time`` are the axes of time of input and output.
    """

    @torch.no_grad()
    def check(layer: Any, x: Tensor, time: int, out_time: int) -> None:
        whole, last = layer(x)
        state, steps = layer.init_state(x.shape[0]), []
        for frame in x.unbind(time):
            y, state = layer.step(frame, state)
            steps.append(y)
        found = [(torch.stack(steps, dim=out_time), state)]
        for lengths in CHUNKINGS:
            outputs, state = _in_chunks(layer, x, time, lengths)
            found.append((torch.cat(outputs, dim=out_time), state))
        for result in found:
            assert_equal_states(result, (whole, last), layer if isinstance(layer, nn.Module) else None)

    return check


@pytest.fixture(scope="session")
def assert_causal() -> Check:
    """Asserts that another future leaves the past as it was, and that it changes what follows."""

    @torch.no_grad()
    def check(layer: Any, x: Tensor, time: int, out_time: int) -> None:
        now = x.shape[time] // 2
        other = x.clone()
        other.narrow(time, now, x.shape[time] - now).normal_()
        before, after = layer(x)[0], layer(other)[0]
        torch.testing.assert_close(
            after.narrow(out_time, 0, now), before.narrow(out_time, 0, now), rtol=1e-6, atol=1e-6
        )
        assert not torch.allclose(after.select(out_time, now), before.select(out_time, now))

    return check


@torch.no_grad()
def settle(encoder: nn.Module, crops: Tensor) -> None:
    """Give batch norms the statistics of ``crops [N, 3, S, S]``, without which deep activations vanish."""
    for layer in encoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the plain mean of all batches: of this one
    encoder.train()(crops[None])
    encoder.eval()


@pytest.fixture(scope="session")
def settle_batch_norms() -> Callable[[nn.Module, Tensor], None]:
    """See `settle`."""
    return settle


@pytest.fixture(scope="session")
def lips() -> Callable[[int, int], Tensor]:
    """See `draw_lips`."""
    return draw_lips


class Video(NamedTuple):
    """What a net gets of the lips at each audio frame: ``embedding [1, T, E]`` and ``age_s [1, T]``."""

    embedding: Tensor
    age_s: Tensor


#: Times in seconds at which video frames are captured; the stream starts at 0.
SCENES = {
    "uneven": (0.014, 0.0145, 0.03, 0.041, 0.1, 0.19),
    "missing": (-0.48,),  # goes stale on the way
    "black": (0.0, 0.04, 0.08, 0.12, 0.16),
    "frozen": (0.0, 0.04, 0.08, 0.12, 0.16),
}


def draw_lips(count: int, size: int) -> Tensor:
    """Patches of colour, ``[count, 3, S, S]`` in [0, 1]: they differ more than noise does from noise."""
    patches = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(count))
    return nn.functional.interpolate(patches, size)


def make_crops(scene: str, size: int) -> Tensor:
    """The lip crops of a scene, ``[N, 3, S, S]`` in [0, 1]."""
    crops = draw_lips(len(SCENES[scene]), size)
    if scene == "black":
        return torch.zeros_like(crops)
    return crops[:1].expand_as(crops) if scene == "frozen" else crops


def make_faces(scene: str) -> Tensor:
    """The landmarks of a scene, ``[N, 44, 3]``; where the picture is black there is no face."""
    generator, count = torch.Generator().manual_seed(3), len(SCENES[scene])
    face = 300.0 + 40.0 * torch.randn(1, len(POINTS), 3, generator=generator)
    moved = face + 2.0 * torch.randn(count, len(POINTS), 3, generator=generator)
    if scene == "black":
        return torch.zeros_like(moved)
    return face.expand_as(moved) if scene == "frozen" else moved


@cache
@torch.no_grad()
def encode_scene(net: LiteAVSEMamba, scene: str) -> list[Tensor]:
    """What the visual encoder makes of a scene, ``[1, E]`` each, one step for each video frame."""
    state, encoded = net.visual.init_state(1), []
    seen: list[tuple[Tensor, ...]]
    if net.gate is not None:
        seen = [(face[None], torch.zeros(1)) for face in make_faces(scene)]
    else:
        seen = [(crop[None],) for crop in make_crops(scene, net.config.visual.lips_size)]
    for arguments in seen:
        embedding, state = net.visual.step(*arguments, state)
        encoded.append(embedding)
    return encoded


@pytest.fixture(scope="session")
def watch() -> Callable[[LiteAVSEMamba, str, int], Video]:
    """Makes the video of a scene: embeddings of the net itself, each held until the next is captured."""

    def make(net: LiteAVSEMamba, scene: str, frames: int) -> Video:
        times_s, encoded = SCENES[scene], encode_scene(net, scene)
        held, ages_s = [], []
        for k in range(frames):
            now_s = (k + 1) / net.config.stft.frames_per_second
            captured = [i for i, time_s in enumerate(times_s) if time_s <= now_s]
            held.append(encoded[captured[-1]] if captured else torch.zeros_like(encoded[0]))
            ages_s.append(now_s - times_s[captured[-1]] if captured else NO_VIDEO_AGE_S)
        return Video(torch.stack(held, dim=1), torch.tensor([ages_s]))

    return make


@pytest.fixture(scope="session")
def untrained() -> Callable[..., LiteAVSEMamba]:
    """Gives the net of a preset, its weights moved off their start so that no part is idle; not to change."""

    @cache
    def make(name: str, causal: bool = True) -> LiteAVSEMamba:
        torch.manual_seed(0)
        net = build(name, causal)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.02)
        if net.gate is None:
            settle(net.visual, draw_lips(16, net.config.visual.lips_size))
        return net.eval()

    return make
