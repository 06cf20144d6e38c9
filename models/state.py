"""The state protocol: a layer that looks at time carries what it must remember in a NamedTuple of tensors.

Three verbs and no hidden state::

    init_state(batch, device, dtype) -> State     fixed shapes, zeros = "nothing was heard yet"
    step(x, state) -> (y, state)                  one frame, [B, C, F]
    forward(x, state=None) -> (y, state)          a chunk of T >= 1 frames, [B, C, T, F], or a whole recording

``forward(x)`` equals looping ``step``, whatever the chunking, in output and in final state. Nothing mutates a
state. Containers nest the NamedTuples of their children, so each tensor has a stable name such as
``blocks.0.time.ssm``.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

#: A tensor, or a (named) tuple of states: what `init_state` returns.
State: TypeAlias = Any


def iter_state(state: State, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Walk the tensors of a nested state with their dotted names, in the order of the fields.

    Raises:
        TypeError: something in the state is neither a tensor nor a tuple of states.
    """
    if isinstance(state, Tensor):
        yield prefix, state
        return
    if not isinstance(state, tuple):
        raise TypeError(f"a state is made of tensors and tuples, found {type(state).__name__} at '{prefix}'")
    names = getattr(state, "_fields", None) or [str(index) for index in range(len(state))]
    for name, child in zip(names, state, strict=True):
        yield from iter_state(child, f"{prefix}.{name}" if prefix else name)


def state_names(state: State) -> list[str]:
    """The dotted names of the tensors of a state."""
    return [name for name, _ in iter_state(state)]


def flatten_state(state: State) -> list[Tensor]:
    """The tensors of a state in the order of `state_names`."""
    return [tensor for _, tensor in iter_state(state)]


def unflatten_state(like: State, tensors: Sequence[Tensor]) -> State:
    """Rebuild a state of the same structure as ``like`` from tensors in the order of `flatten_state`.

    Raises:
        ValueError: the number of tensors differs.
    """
    expected = len(flatten_state(like))
    if len(tensors) != expected:
        raise ValueError(f"the state has {expected} tensors, {len(tensors)} were given")
    remaining = iter(tensors)

    def rebuild(node: State) -> State:
        if isinstance(node, Tensor):
            return next(remaining)
        children = [rebuild(child) for child in node]
        return type(node)(*children) if hasattr(node, "_fields") else tuple(children)

    return rebuild(like)


def state_bytes(state: State) -> int:
    """Bytes that a state occupies."""
    return sum(tensor.numel() * tensor.element_size() for tensor in flatten_state(state))


def join_context(context: Tensor, x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Put remembered frames before new ones and say what to remember next.

    Args:
        context: the last ``K`` frames seen, along ``dim``.
        x: ``T >= 1`` new frames.
        dim: the axis of time.

    Returns:
        The ``K + T`` frames, and the last ``K`` of them: the next context.
    """
    joined = torch.cat([context, x], dim=dim)
    keep = context.shape[dim]
    return joined, joined.narrow(dim, joined.shape[dim] - keep, keep)


class MixerState(NamedTuple):
    """``conv [R, K - 1, D]``: last inputs of the short convolution; ``ssm``: the state of the recurrence."""

    conv: Tensor
    ssm: Tensor
