"""Checks that every layer of the state protocol must pass."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.state import State, flatten_state

Check = Callable[..., None]

#: Lengths of chunks, repeated as long as the input lasts.
CHUNKINGS = ((3, 1, 2), (7,), (1, 11))


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Largest difference relative to the largest expected value."""
    scale = expected.abs().max().clamp(min=torch.finfo(expected.dtype).tiny)
    return float((found - expected).abs().max() / scale)


def _in_chunks(layer: nn.Module, x: Tensor, time: int, lengths: Sequence[int]) -> tuple[list[Tensor], State]:
    start, state = 0, None
    outputs: list[Tensor] = []
    while start < x.shape[time]:
        length = min(lengths[len(outputs) % len(lengths)], x.shape[time] - start)
        y, state = layer(x.narrow(time, start, length), state)
        outputs.append(y)
        start += length
    return outputs, state


@pytest.fixture(scope="session")
def assert_streams() -> Check:
    """Asserts that steps and chunks give the output and the final state of one pass, to 1e-5.

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
        for y, state in found:
            assert relative_error(y, whole) <= 1e-5
            for tensor, expected in zip(flatten_state(state), flatten_state(last), strict=True):
                assert relative_error(tensor, expected) <= 1e-5

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
