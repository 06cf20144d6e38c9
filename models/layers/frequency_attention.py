"""Attention along frequency within a frame: no memory, so that it is causal as it is.

After the transformers of MP-SENet (Lu et al. 2023), without their recurrent layer, which would take as many
steps a frame as there are positions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import AttentionConfig


class FrequencyAttention(nn.Module):
    """``x + attend(norm(x))``, then ``x + widen(norm(x))``, over the last axis but one of ``[..., P, C]``.

    Attention knows no order: each position has a learned vector, which its query and key see. A second grid
    of the same shape may be what x attends to (cross-attention); it is normed on its own.
    """

    def __init__(self, channels: int, positions: int, config: AttentionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = nn.LayerNorm(channels)
        self.norm_heard = nn.LayerNorm(channels)
        self.position = nn.Parameter(0.02 * torch.randn(positions, channels))
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)
        self.norm_wide = nn.LayerNorm(channels)
        self.enter = nn.Linear(channels, config.expand * channels)
        self.leave = nn.Linear(config.expand * channels, channels)

    def forward(self, x: Tensor, heard: Tensor | None = None) -> Tensor:
        """``[..., P, C] -> [..., P, C]``."""
        rows = x.flatten(0, -3)  # [R, P, C]
        keys = self.norm_heard(rows if heard is None else heard.flatten(0, -3))
        asked = self._by_head(self.query(self.norm(rows) + self.position))
        offered = self._by_head(self.key(keys + self.position))
        found = F.scaled_dot_product_attention(asked, offered, self._by_head(self.value(keys)))
        rows = rows + self.out(found.transpose(1, 2).flatten(2))
        rows = rows + self.leave(F.silu(self.enter(self.norm_wide(rows))))
        return rows.view(x.shape)

    def _by_head(self, rows: Tensor) -> Tensor:
        """``[R, P, C] -> [R, heads, P, C / heads]``."""
        return rows.unflatten(-1, (self.heads, -1)).transpose(1, 2)
