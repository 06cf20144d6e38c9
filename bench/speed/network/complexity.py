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
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ....models.config import ModelConfig
from ....models.lips.points import POINTS
from ....models.lite_avse import LiteAVSEMamba, build
from ....models.state import state_bytes
from ....models.wave import WaveModel
from ..measurements import VIDEO_FPS
from ..whole import whole_form

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
    """The size of a model.

    Attributes:
        parameters: numbers in the weights, the visual encoder's included.
        visual_parameters: those of the visual encoder.
        macs_per_second: all multiply-accumulates for a second of audio with video present, without the visual
            encoder.
        products_per_second: those of them in matrix products and convolutions, all that most tools count.
        visual_macs_per_second: all multiply-accumulates of the visual encoder for `VIDEO_FPS` frames.
        state_bytes: what one stream carries; None for the offline form, which carries nothing.
    """

    parameters: int
    visual_parameters: int
    macs_per_second: float
    products_per_second: float
    visual_macs_per_second: float
    state_bytes: int | None


def count_macs(run: Callable[[], object]) -> Macs:
    """Count the multiply-accumulates of all torch operations that `run` executes."""
    with torch.no_grad(), _Counter() as counter:
        run()
    return Macs(counter.products, counter.elementwise)


def count_parameters(module: nn.Module) -> int:
    """Numbers in the weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def visual_inputs(config: ModelConfig) -> tuple[Tensor, ...]:
    """Something that the visual encoder of a model sees once: a lip crop, or landmarks and their age."""
    if config.gate is not None:
        return torch.rand(1, len(POINTS), 3), torch.zeros(1)
    return (torch.rand(1, 3, config.visual.lips_size, config.visual.lips_size),)


def hop_bytes(net: LiteAVSEMamba) -> int:
    """What a hop must at least move: the weights of the audio path once, its state twice (in and out)."""
    weights = sum(
        tensor.nbytes for name, tensor in net.state_dict().items() if not name.startswith("visual.")
    )
    return weights + 2 * state_bytes(WaveModel(net).init_state(1))


def stream_bytes(net: LiteAVSEMamba) -> int:
    """What one stream carries from hop to hop and from lips to lips."""
    return state_bytes(WaveModel(net).init_state(1)) + state_bytes(net.visual.init_state(1))


def streaming_complexity(model: str) -> Complexity:
    """Measure the causal form of a model, hop by hop as a stream runs it.

    Raises:
        InputError: there is no such model.
    """
    return net_complexity(build(model))


def net_complexity(net: LiteAVSEMamba) -> Complexity:
    """Measure a causal network of any size as `streaming_complexity` does."""
    model = WaveModel(net).eval()
    config = model.net.config
    hop, embedding = torch.zeros(1, config.stft.hop), torch.zeros(1, config.visual.embedding_size)
    age_s, dry = torch.zeros(1), torch.zeros(1)
    state = model.init_state(1)
    macs = count_macs(lambda: model.step(hop, embedding, age_s, dry, state))
    return _complexity(model.net, macs, 1 / config.stft.frames_per_second, stream_bytes(net))


def offline_complexity(model: str, seconds: int = 4) -> Complexity:
    """Measure the bidirectional offline form of a model, or a parent, on a recording of so many seconds.

    Raises:
        InputError: there is no such model.
    """
    form = whole_form(model, seconds)
    macs = count_macs(form.run)
    if isinstance(form.net, LiteAVSEMamba):
        return _complexity(form.net, macs, form.seconds, None)
    return Complexity(
        parameters=count_parameters(form.net),
        visual_parameters=0,
        macs_per_second=macs.total / form.seconds,
        products_per_second=macs.products / form.seconds,
        visual_macs_per_second=0.0,
        state_bytes=None,
    )


def _complexity(net: LiteAVSEMamba, macs: Macs, seconds: float, carried_bytes: int | None) -> Complexity:
    seen, lips_state = visual_inputs(net.config), net.visual.init_state(1)
    visual_macs = count_macs(lambda: net.visual.step(*seen, lips_state))
    return Complexity(
        parameters=count_parameters(net),
        visual_parameters=count_parameters(net.visual),
        macs_per_second=macs.total / seconds,
        products_per_second=macs.products / seconds,
        visual_macs_per_second=visual_macs.total * VIDEO_FPS,
        state_bytes=carried_bytes,
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
