"""The short-time Fourier transform and its inverse as streaming layers.

Square-root Hann windows on both sides. One frame a hop; the output lags its input by ``window - hop`` samples
(overlap-add, Allen & Rabiner 1977). The transforms are matmuls: one node in an exported graph, the same
arithmetic in every runtime. A spectrum is ``[B, 2, T, F]``: real part, imaginary part.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import StftConfig


def _window(size: int) -> Tensor:
    return torch.hann_window(size, periodic=True, dtype=torch.float64).sqrt()


class Analysis(nn.Module):
    """Wave to spectrum. State: the last ``window - hop`` samples, ``[B, window - hop]``.

    Scaled so that white noise of unit power has bins of unit power.
    """

    basis: Tensor

    def __init__(self, config: StftConfig) -> None:
        super().__init__()
        self.config = config
        n = torch.arange(config.window, dtype=torch.float64)
        k = torch.arange(config.bins, dtype=torch.float64)
        angle = 2 * torch.pi * n[:, None] * k[None, :] / config.window
        window = _window(config.window)
        scaled = (window / window.square().sum().sqrt())[:, None]
        basis = torch.cat([angle.cos() * scaled, -angle.sin() * scaled], dim=1)
        basis[:, -1] = 0.0  # half the sample rate is real: rounding of pi must not give its phase a sign
        self.register_buffer("basis", basis.float(), persistent=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Silence before the start."""
        return torch.zeros(batch, self.config.window - self.config.hop, device=device, dtype=dtype)

    def step(self, hop: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, hop] -> [B, 2, F]``."""
        joined = torch.cat([state, hop], dim=1)
        return (joined @ self.basis).unflatten(1, (2, self.config.bins)), joined[:, self.config.hop :]

    def forward(self, wave: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``[B, T * hop] -> [B, 2, T, F]``.

        Raises:
            ValueError: the length is no multiple of the hop.
        """
        if wave.shape[1] % self.config.hop:
            raise ValueError(f"{wave.shape[1]} samples are no multiple of the hop, {self.config.hop}")
        if state is None:
            state = self.init_state(wave.shape[0], wave.device, wave.dtype)
        joined = torch.cat([state, wave], dim=1)
        frames = joined.unfold(1, self.config.window, self.config.hop) @ self.basis
        spectrum = frames.unflatten(2, (2, self.config.bins)).transpose(1, 2)
        return spectrum, joined[:, wave.shape[1] :]


class Synthesis(nn.Module):
    """Spectrum to wave by overlap-add. State: the unfinished sums, ``[B, window - hop]``."""

    basis: Tensor

    def __init__(self, config: StftConfig) -> None:
        super().__init__()
        self.config = config
        analysis = Analysis(config).basis.double()  # window * e^(-j w n), scaled
        weight = torch.full((config.bins,), 2.0, dtype=torch.float64)
        weight[0] = weight[-1] = 1.0
        window = _window(config.window)
        scale = window.square().sum()  # undoes the analysis scale, with 1 / window of the inverse DFT below
        overlap = window.square().view(-1, config.hop).sum(0).mean()  # sum of shifted squared windows
        basis = (analysis * weight.repeat(2)).t() * scale / config.window / overlap
        self.register_buffer("basis", basis.float(), persistent=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Nothing to add yet."""
        return torch.zeros(batch, self.config.window - self.config.hop, device=device, dtype=dtype)

    def step(self, spectrum: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, 2, F] -> [B, hop]``."""
        summed = spectrum.flatten(1) @ self.basis + F.pad(state, (0, self.config.hop))
        return summed[:, : self.config.hop], summed[:, self.config.hop :]

    def forward(self, spectrum: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``[B, 2, T, F] -> [B, T * hop]``."""
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        hop, frames = self.config.hop, spectrum.shape[2]
        parts = (spectrum.transpose(1, 2).flatten(2) @ self.basis).unflatten(2, (-1, hop))  # [B, T, r, hop]
        overlaps = parts.shape[2] - 1
        summed = F.pad(state.unflatten(1, (overlaps, hop)), (0, 0, 0, frames))
        for k in range(overlaps + 1):
            summed = summed + F.pad(parts[:, :, k], (0, 0, k, overlaps - k))
        return summed[:, :frames].flatten(1), summed[:, frames:].flatten(1)
