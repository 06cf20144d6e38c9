"""The short-time Fourier transform and its inverse as streaming layers.

Square-root Hann windows on both sides. One frame a hop; the output lags its input by ``window - hop`` samples
(overlap-add, Allen & Rabiner 1977). The transforms are matmuls, which every runtime and exported graph has,
of the even and the odd part of a frame around its centre: the real part of a spectrum knows only the one,
the imaginary part only the other. A spectrum is ``[B, 2, T, F]``: real part, imaginary part.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import StftConfig


def _window(size: int) -> Tensor:
    return torch.hann_window(size, periodic=True, dtype=torch.float64).sqrt()


def _bases(config: StftConfig) -> tuple[Tensor, Tensor]:
    """Windowed cosines and minus sines ``[window / 2, F]`` of the samples 1 to window / 2; that of 0 is 0.

    A frame's even and odd part there, ``x[n] + x[-n]`` and ``x[n] - x[-n]``, times these are its spectrum.
    """
    n = torch.arange(1, config.window // 2 + 1, dtype=torch.float64)
    k = torch.arange(config.bins, dtype=torch.float64)
    angle = 2 * torch.pi * n[:, None] * k[None, :] / config.window
    window = _window(config.window)
    scaled = (window / window.square().sum().sqrt())[1 : config.window // 2 + 1, None]
    cosine, sine = angle.cos() * scaled, -angle.sin() * scaled
    sine[:, -1] = 0.0  # half the sample rate is real: rounding of pi must not give its phase a sign
    return cosine, sine


class Analysis(nn.Module):
    """Wave to spectrum. State: the last ``window - hop`` samples, ``[B, window - hop]``.

    Scaled so that white noise of unit power has bins of unit power.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: StftConfig) -> None:
        super().__init__()
        self.config = config
        cosine, sine = _bases(config)
        cosine[-1] /= 2  # the sample in the middle is its own mirror image, and would count twice
        self.register_buffer("cosine", cosine.float(), persistent=False)
        self.register_buffer("sine", sine.float(), persistent=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Silence before the start."""
        return torch.zeros(batch, self.config.window - self.config.hop, device=device, dtype=dtype)

    def step(self, hop: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, hop] -> [B, 2, F]``."""
        joined = torch.cat([state, hop], dim=1)
        return self._transform(joined), joined[:, self.config.hop :]

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
        frames = joined.unfold(1, self.config.window, self.config.hop)
        return self._transform(frames), joined[:, wave.shape[1] :]

    def _transform(self, frames: Tensor) -> Tensor:
        """``[B, ..., window] -> [B, 2, ..., F]``."""
        half = self.config.window // 2
        ahead, back = frames[..., 1 : half + 1], frames[..., half:].flip(-1)
        return torch.stack([(ahead + back) @ self.cosine, (ahead - back) @ self.sine], dim=1)


class Synthesis(nn.Module):
    """Spectrum to wave by overlap-add. State: the unfinished sums, ``[B, window - hop]``."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: StftConfig) -> None:
        super().__init__()
        self.config = config
        weight = torch.full((config.bins,), 2.0, dtype=torch.float64)
        weight[0] = weight[-1] = 1.0
        window = _window(config.window)
        scale = window.square().sum()  # undoes the analysis scale, with 1 / window of the inverse DFT below
        overlap = window.square().view(-1, config.hop).sum(0).mean()  # sum of shifted squared windows
        for name, analysis in zip(("cosine", "sine"), _bases(config), strict=True):
            basis = (analysis * weight).t() * scale / config.window / overlap
            self.register_buffer(name, basis.float(), persistent=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Nothing to add yet."""
        return torch.zeros(batch, self.config.window - self.config.hop, device=device, dtype=dtype)

    def step(self, spectrum: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, 2, F] -> [B, hop]``."""
        summed = self._transform(spectrum) + F.pad(state, (0, self.config.hop))
        return summed[:, : self.config.hop], summed[:, self.config.hop :]

    def forward(self, spectrum: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``[B, 2, T, F] -> [B, T * hop]``."""
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        hop, frames = self.config.hop, spectrum.shape[2]
        parts = self._transform(spectrum).unflatten(2, (-1, hop))  # [B, T, r, hop]
        overlaps = parts.shape[2] - 1
        summed = F.pad(state.unflatten(1, (overlaps, hop)), (0, 0, 0, frames))
        for k in range(overlaps + 1):
            summed = summed + F.pad(parts[:, :, k], (0, 0, k, overlaps - k))
        return summed[:, :frames].flatten(1), summed[:, frames:].flatten(1)

    def _transform(self, spectrum: Tensor) -> Tensor:
        """``[B, 2, ..., F] -> [B, ..., window]``."""
        even, odd = spectrum[:, 0] @ self.cosine, spectrum[:, 1] @ self.sine
        ahead, back = even + odd, (even - odd).flip(-1)
        first = torch.zeros_like(even[..., :1])
        return torch.cat([first, ahead[..., :-1], back], dim=-1)
