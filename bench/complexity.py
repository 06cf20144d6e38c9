"""Multiply-accumulates, parameters and state of a model, counted on the torch network while it runs.

The convention: a product inside a matrix product or a convolution counts as one multiply-accumulate, and so
does each elementwise multiplication, division or power. With the latter the state-space scans count in full:
a step multiplies each state three times (decay, input, output). Other tools leave the elementwise ones out,
so both counts are kept. Exponentials, activations, additions and copies do not count.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ..models.lite_avse import build
from ..models.state import state_bytes
from ..models.wave import WaveModel

aten = torch.ops.aten

#: Elementwise operations whose every output number is a product.
ELEMENTWISE = frozenset({aten.mul, aten.mul_, aten.div, aten.div_, aten.addcmul, aten.addcdiv, aten.pow})


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a computation: in matrix products and convolutions, and elementwise."""

    products: int
    elementwise: int

    @property
    def total(self) -> int:
        return self.products + self.elementwise


@dataclass(frozen=True)
class Complexity:
    """The size of a model, its visual encoder apart.

    Attributes:
        parameters: numbers in the weights.
        macs_per_second: all multiply-accumulates for a second of audio with video present.
        products_per_second: those in matrix products and convolutions, which is what most tools count.
        state_bytes: what one stream carries; None for the offline form, which carries nothing.
    """

    parameters: int
    macs_per_second: float
    products_per_second: float
    state_bytes: int | None


def count_macs(run: Callable[[], object]) -> Macs:
    """Count the multiply-accumulates of all torch operations that `run` executes."""
    with torch.no_grad(), _Counter() as counter:
        run()
    return Macs(counter.products, counter.elementwise)


def count_parameters(module: nn.Module) -> int:
    """Numbers in the weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def streaming_complexity(preset: str) -> Complexity:
    """Measure the causal form of a preset, hop by hop as a stream runs it.

    Raises:
        InputError: there is no such preset.
    """
    model = WaveModel(build(preset)).eval()
    config = model.net.config
    state = model.init_state(1)
    hop, embedding = torch.zeros(1, config.stft.hop), torch.zeros(1, config.visual.embedding_size)
    age_s, dry = torch.zeros(1), torch.zeros(1)
    macs = count_macs(lambda: model.step(hop, embedding, age_s, dry, state))
    return _complexity(model.net, macs, 1 / config.stft.frames_per_second, state_bytes(state))


def offline_complexity(preset: str, seconds: int = 4) -> Complexity:
    """Measure the bidirectional offline form of a preset on a whole recording of so many seconds.

    Raises:
        InputError: there is no such preset.
    """
    model = WaveModel(build(preset, causal=False)).eval()
    config = model.net.config
    frames = round(seconds * config.stft.frames_per_second)
    wave, embedding = (
        torch.zeros(1, frames * config.stft.hop),
        torch.zeros(1, frames, config.visual.embedding_size),
    )
    macs = count_macs(lambda: model(wave, embedding, torch.zeros(1, frames)))
    return _complexity(model.net, macs, seconds, None)


def _complexity(net: nn.Module, macs: Macs, seconds: float, state_bytes: int | None) -> Complexity:
    return Complexity(
        parameters=count_parameters(net),
        macs_per_second=macs.total / seconds,
        products_per_second=macs.products / seconds,
        state_bytes=state_bytes,
    )


class _Counter(TorchDispatchMode):
    """Sees every operation that torch executes, whatever Python code asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.products = 0
        self.elementwise = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        arguments = dict(kwargs or {})
        out = func(*args, **arguments)
        operation = func.overloadpacket
        if operation in flop_registry:
            # The registry counts a multiplication and an addition as two operations.
            self.products += flop_registry[operation](*args, **arguments, out_val=out) // 2
        elif operation in ELEMENTWISE and out.is_floating_point():
            self.elementwise += out.numel()
        return out
