"""What is left of lips that are gone: nothing, whoever comes back may be somebody else."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from ..config import GONE_AGE_S
from ..state import State, flatten_state, unflatten_state

#: Features ``[B, C, T, P]``, sound ``[B, 2, T, F]``, embedding ``[B, T, E]``, age ``[B, T]`` and a state ->
#: features, alpha ``[B, T]``, state.
Fuse = Callable[[Tensor, Tensor, Tensor, Tensor, State], tuple[Tensor, Tensor, State]]


def begun_anew(state: State, gone: Tensor) -> State:
    """The state, that of streams whose lips are gone ``[B]`` as at the start."""
    tensors = [
        torch.where(gone.view(-1, *(1 for _ in tensor.shape[1:])), 0.0, tensor)
        for tensor in flatten_state(state)
    ]
    return unflatten_state(state, tensors)


def fuse_between_gaps(
    fuse: Fuse, features: Tensor, sound: Tensor, embedding: Tensor, video_age_s: Tensor, state: State
) -> tuple[Tensor, Tensor, State]:
    """A fusion whose state is empty while lips are gone, as if those frames had none: see `Fuse`."""
    gone = video_age_s >= GONE_AGE_S
    frames, changes = gone.shape[1], list[int]()
    if frames > 1:  # one frame is what graphs are made of, which know no lists
        changes = ((gone[:, 1:] != gone[:, :-1]).any(0).nonzero().flatten() + 1).tolist()
    fused, alphas = [], []
    for first, last in itertools.pairwise([0, *changes, frames]):
        part = slice(first, last)
        state = begun_anew(state, gone[:, first])
        given = features[:, :, part], sound[:, :, part], embedding[:, part], video_age_s[:, part]
        now, alpha, state = fuse(*given, state)
        state = begun_anew(state, gone[:, first])
        fused.append(now)
        alphas.append(alpha)
    return torch.cat(fused, dim=2), torch.cat(alphas, dim=1), state
