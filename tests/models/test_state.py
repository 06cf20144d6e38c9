"""The helpers of the state protocol: names, flattening, sizes, contexts."""

from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lipstream.models.state import (
    flatten_state,
    iter_state,
    join_context,
    state_bytes,
    state_names,
    unflatten_state,
)


class Leaf(NamedTuple):
    conv: Tensor
    ssm: Tensor


class Tree(NamedTuple):
    level: Tensor
    blocks: tuple[Leaf, ...]
    codec: Any


def make_tree() -> Tree:
    leaves = [Leaf(torch.full((2, 3), float(k)), torch.full((4,), k + 0.5)) for k in range(2)]
    return Tree(torch.zeros(1), tuple(leaves), ())


NAMES = ["level", "blocks.0.conv", "blocks.0.ssm", "blocks.1.conv", "blocks.1.ssm"]


def test_tensors_are_named_by_the_path_to_them() -> None:
    tree = make_tree()
    assert state_names(tree) == NAMES
    assert dict(iter_state(tree))["blocks.1.ssm"] is tree.blocks[1].ssm


def test_a_bare_tensor_is_a_state_and_takes_the_name_of_its_place() -> None:
    tensor = torch.zeros(2)
    assert list(iter_state(tensor, "past")) == [("past", tensor)]
    assert unflatten_state(tensor, [tensor]) is tensor


def test_unflatten_undoes_flatten_and_keeps_the_types() -> None:
    tree = make_tree()
    tensors = [tensor + 1 for tensor in flatten_state(tree)]
    rebuilt = unflatten_state(tree, tensors)
    assert isinstance(rebuilt, Tree)
    assert isinstance(rebuilt.blocks[1], Leaf)
    assert rebuilt.codec == ()
    assert all(a is b for a, b in zip(flatten_state(rebuilt), tensors, strict=True))


@pytest.mark.parametrize("count", [0, 4, 6])
def test_unflatten_refuses_another_number_of_tensors(count: int) -> None:
    with pytest.raises(ValueError, match=f"5 tensors, {count} were given"):
        unflatten_state(make_tree(), [torch.zeros(1)] * count)


def test_what_is_no_state_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"list at 'blocks\.0'"):
        state_names(Tree(torch.zeros(1), ([],), ()))  # type: ignore[arg-type]


def test_bytes_count_each_tensor_in_its_own_type() -> None:
    assert state_bytes(make_tree()) == 4 * (1 + 2 * (6 + 4))
    assert state_bytes((torch.zeros(3, dtype=torch.float64), ())) == 24


@given(context=st.integers(0, 5), frames=st.integers(1, 9))
def test_the_next_context_is_the_last_frames_of_what_was_joined(context: int, frames: int) -> None:
    seen = torch.arange(float(context + frames)).expand(2, -1)
    joined, kept = join_context(seen[:, :context], seen[:, context:], dim=1)
    assert torch.equal(joined, seen)
    assert torch.equal(kept, seen[:, frames:])
