"""What a causal Mamba mixer carries from one frame to the next."""

from typing import NamedTuple

from torch import Tensor


class MixerState(NamedTuple):
    """``conv [R, K - 1, D]``: last inputs of the short convolution; ``ssm``: the state of the recurrence."""

    conv: Tensor
    ssm: Tensor
