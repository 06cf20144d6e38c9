"""VCE, visual confidence estimation: how far to trust the lips, one alpha in [0, 1] for each frame."""

import torch
from torch import Tensor, nn


class VCE(nn.Module):
    """Two-layer perceptron on the visual embedding. Stateless."""

    def __init__(self, embedding_size: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(embedding_size, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> tuple[()]:
        """Nothing is carried."""
        return ()

    def step(self, embedding: Tensor, state: tuple[()] = ()) -> tuple[Tensor, tuple[()]]:
        """``[B, E]`` -> alpha ``[B, 1]``."""
        return torch.sigmoid(self.layers(embedding)), ()

    def forward(self, embedding: Tensor, state: tuple[()] | None = None) -> tuple[Tensor, tuple[()]]:
        """``[B, T, E]`` -> alpha ``[B, T, 1]``."""
        return torch.sigmoid(self.layers(embedding)), ()


class VCEWithTemporalSmoothing(nn.Module):
    """`VCE` through a one-pole smoother with learned, separate speeds for rising and falling confidence.

    ``alpha[t] = alpha[t-1] + c (raw[t] - alpha[t-1])`` with ``c = rise`` where raw is above alpha, else
    ``fall``, both in (0, 1): a convex combination, so alpha stays in [0, 1]. State: alpha of the frame
    before, ``[B, 1]``.
    """

    def __init__(self, embedding_size: int, hidden: int = 64) -> None:
        super().__init__()
        self.vce = VCE(embedding_size, hidden)
        self.speed_logits = nn.Parameter(torch.tensor([-1.0, 0.0]))  # rise 0.27, fall 0.5 a frame

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """No confidence before the first frame."""
        return torch.zeros(batch, 1, device=device, dtype=dtype)

    def _smooth(self, raw: Tensor, alpha: Tensor) -> Tensor:
        rise, fall = torch.sigmoid(self.speed_logits).unbind()
        return alpha + torch.where(raw > alpha, rise, fall) * (raw - alpha)

    def step(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, E]`` -> alpha ``[B, 1]``."""
        raw, _ = self.vce.step(embedding)
        alpha = self._smooth(raw, state)
        return alpha, alpha

    def forward(self, embedding: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``[B, T, E]`` -> alpha ``[B, T, 1]``."""
        alpha = (
            self.init_state(embedding.shape[0], embedding.device, embedding.dtype) if state is None else state
        )
        raw, _ = self.vce(embedding)
        smoothed = []
        for frame in raw.unbind(1):
            alpha = self._smooth(frame, alpha)
            smoothed.append(alpha)
        return torch.stack(smoothed, dim=1), alpha
