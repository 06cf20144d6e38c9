"""Visual encoders A and B: lip crops to embeddings, causal in time, one video frame at a time.

Both follow the state protocol over video frames: ``forward(crops [B, T, 3, S, S] in [0, 1], state) ->
(embedding [B, T, E], state)`` and ``step(crop [B, 3, S, S], state) -> (embedding [B, E], state)``.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...kernels.reference.conv import causal_conv1d
from ..config import VisualConfig
from ..state import join_context
from .landmarks import LandmarkVisualEncoder

#: Video frames that the last, temporal convolution sees (0.2 s at 25 fps).
_TEMPORAL_TAPS = 5


class CausalTemporalConv(nn.Module):
    """Depthwise convolution over video frames and a residual: ``[B, T, E]``. State: ``[B, K - 1, E]``."""

    def __init__(self, channels: int, taps: int = _TEMPORAL_TAPS) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, taps, groups=channels)
        self.taps = taps

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        return torch.zeros(batch, self.taps - 1, self.conv.in_channels, device=device, dtype=dtype)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, T, E] -> [B, T, E]``."""
        y, state = causal_conv1d(x, self.conv.weight.squeeze(1), self.conv.bias, state)
        return x + F.silu(y), state


class CausalConv3d(nn.Module):
    """3-D convolution, causal in time, then a norm of each frame and SiLU. ``[B, C, T, S, S]``.

    State: the last ``taps - 1`` inputs, ``[B, C, taps - 1, S, S]``.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, taps: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, (taps, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.norm = nn.GroupNorm(4, out_channels)
        self.size, self.taps = size, taps

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        shape = (batch, self.conv.in_channels, self.taps - 1, self.size, self.size)
        return torch.zeros(shape, device=device, dtype=dtype)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, C, T, S, S] -> [B, C', T, S / 2, S / 2]``."""
        joined, state = join_context(state, x, dim=2)
        y = self.conv(joined).transpose(1, 2)  # the norm must see one frame alone
        y = F.silu(self.norm(y.flatten(0, 1)))
        return y.unflatten(0, (x.shape[0], -1)).transpose(1, 2), state


class LipsState(NamedTuple):
    """State of an encoder: of its 3-D convolutions (none in encoder A) and of its temporal convolution."""

    convolutions: tuple[Tensor, ...]
    temporal: Tensor


class LiteVisualEncoderB(nn.Module):
    """A small 3-D CNN, causal in time, under 1 M parameters.

    Args:
        config: sizes of the crop and of the embedding.
    """

    def __init__(self, config: VisualConfig) -> None:
        super().__init__()
        widths = ((3, 16, 3), (16, 32, 1), (32, 48, 3), (48, 64, 1))  # in, out, taps in time
        size = config.lips_size // 2
        layers = []
        for inside, outside, taps in widths:
            layers.append(CausalConv3d(inside, outside, size, taps))
            size = (size + 1) // 2
        self.layers = nn.ModuleList(layers)
        self.project = nn.Linear(widths[-1][1] * size * size, config.embedding_size)
        self.temporal = CausalTemporalConv(config.embedding_size)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> LipsState:
        """Mid-grey before the first frame."""
        convolutions = tuple(
            layer.init_state(batch, device, dtype) for layer in self.layers if isinstance(layer, CausalConv3d)
        )
        return LipsState(convolutions, self.temporal.init_state(batch, device, dtype))

    def forward(self, crops: Tensor, state: LipsState | None = None) -> tuple[Tensor, LipsState]:
        """``[B, T, 3, S, S]`` in [0, 1] -> ``[B, T, E]``."""
        if state is None:
            state = self.init_state(crops.shape[0], crops.device, crops.dtype)
        x = F.avg_pool2d(crops.flatten(0, 1), 2).unflatten(0, crops.shape[:2]).transpose(1, 2) - 0.5
        after = []
        for layer, before in zip(self.layers, state.convolutions, strict=True):
            x, context = layer(x, before)
            after.append(context)
        y = self.project(x.transpose(1, 2).flatten(2))
        y, temporal = self.temporal(y, state.temporal)
        return y, LipsState(tuple(after), temporal)

    def step(self, crop: Tensor, state: LipsState) -> tuple[Tensor, LipsState]:
        """``[B, 3, S, S] -> [B, E]``."""
        y, state = self(crop.unsqueeze(1), state)
        return y.squeeze(1), state


class LiteVisualEncoderA(nn.Module):
    """MobileNetV3-Small on each frame (torchvision's layout, its ImageNet weights loadable), causal in time.

    Args:
        config: sizes of the crop and of the embedding.
        pretrained: fetch torchvision's ImageNet weights.
        frozen: keep the backbone as it is in training.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: VisualConfig, pretrained: bool = False, frozen: bool = False) -> None:
        super().__init__()
        from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

        weights = MobileNet_V3_Small_Weights.IMAGENET1K_V1 if pretrained else None
        self.backbone = mobilenet_v3_small(weights=weights).features
        self.backbone.requires_grad_(not frozen)
        self.frozen = frozen
        self.project = nn.Linear(576, config.embedding_size)
        self.temporal = CausalTemporalConv(config.embedding_size)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> "LiteVisualEncoderA":
        """A frozen backbone keeps its batch statistics too."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> LipsState:
        """Nothing seen yet."""
        return LipsState((), self.temporal.init_state(batch, device, dtype))

    def forward(self, crops: Tensor, state: LipsState | None = None) -> tuple[Tensor, LipsState]:
        """``[B, T, 3, S, S]`` in [0, 1] -> ``[B, T, E]``."""
        if state is None:
            state = self.init_state(crops.shape[0], crops.device, crops.dtype)
        frames = (crops.flatten(0, 1) - self.mean) / self.std
        features = self.backbone(frames).mean(dim=(2, 3))
        y, temporal = self.temporal(self.project(features).unflatten(0, crops.shape[:2]), state.temporal)
        return y, LipsState((), temporal)

    def step(self, crop: Tensor, state: LipsState) -> tuple[Tensor, LipsState]:
        """``[B, 3, S, S] -> [B, E]``."""
        y, state = self(crop.unsqueeze(1), state)
        return y.squeeze(1), state


def make_visual_encoder(config: VisualConfig) -> Any:
    """The encoder that a configuration names: A or B of crops, C of landmarks.

    Typed as anything, for they differ in what ``step`` takes: a crop, or landmarks and their age.
    """
    if config.encoder == "landmarks":
        return LandmarkVisualEncoder(config.landmarks)
    return (LiteVisualEncoderA if config.encoder == "mobilenet" else LiteVisualEncoderB)(config)
