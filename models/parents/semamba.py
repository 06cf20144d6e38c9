"""SEMamba: the parent model, audio-only, bidirectional, for whole recordings (Chao et al. 2024, SLT).

Names of modules and parameters are those of the published checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ...errors import InputError
from ..codecs.dense import DenseEncoder, MagDecoder, PhaseDecoder
from ..layers.mamba1 import Mamba1Mixer, both_directions


class PreNormMamba(nn.Module):
    """The parts of ``x + mixer(norm(x))``; `MambaBlock` runs two of them together."""

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.mixer = Mamba1Mixer(channels, d_state, d_conv, expand)
        self.norm = nn.RMSNorm(channels, eps=1e-5)


class MambaBlock(nn.Module):
    """One `PreNormMamba` in each direction, side by side: ``[R, L, C] -> [R, L, 2C]``."""

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.forward_blocks = nn.ModuleList([PreNormMamba(channels, d_state, d_conv, expand)])
        self.backward_blocks = nn.ModuleList([PreNormMamba(channels, d_state, d_conv, expand)])

    def forward(self, x: Tensor) -> Tensor:
        """``[R, L, C] -> [R, L, 2C]``."""
        ahead, back = self.forward_blocks[0], self.backward_blocks[0]
        assert isinstance(ahead, PreNormMamba)
        assert isinstance(back, PreNormMamba)
        heard = both_directions(ahead.mixer, back.mixer, (ahead.norm(x), back.norm(x)))
        return torch.cat([x + y for y in heard], dim=-1)


class SEMambaBlock(nn.Module):
    """Mamba, a linear layer back to C channels, plus the input: along time, then along frequency.

    Chao et al. 2024 (SEMamba), section 2. The linear layers are transposed convolutions of width 1 there too.
    """

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.time_mamba = MambaBlock(channels, d_state, d_conv, expand)
        self.freq_mamba = MambaBlock(channels, d_state, d_conv, expand)
        self.tlinear = nn.ConvTranspose1d(2 * channels, channels, 1)
        self.flinear = nn.ConvTranspose1d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        batch, _, frames, bins = x.shape
        rows = x.permute(0, 3, 2, 1).flatten(0, 1)  # [B * F, T, C]
        rows = rows + self.tlinear(self.time_mamba(rows).transpose(1, 2)).transpose(1, 2)
        rows = rows.unflatten(0, (batch, bins)).transpose(1, 2).flatten(0, 1)  # [B * T, F, C]
        rows = rows + self.flinear(self.freq_mamba(rows).transpose(1, 2)).transpose(1, 2)
        return rows.unflatten(0, (batch, frames)).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class SEMambaConfig:
    """Sizes of a `SEMamba`; the defaults are the published ones, for 16 kHz.

    Attributes:
        hid_feature: channels C of the network.
        num_tfmamba: time-frequency blocks.
        d_state, d_conv, expand: of each Mamba mixer.
        n_fft, hop_size, win_size: of the STFT, in samples.
        compress_factor: exponent on the magnitudes.
        beta: largest value of the magnitude mask.

    Raises:
        InputError: a value is out of its range.
    """

    hid_feature: int = 64
    num_tfmamba: int = 4
    d_state: int = 16
    d_conv: int = 4
    expand: int = 4
    n_fft: int = 400
    hop_size: int = 100
    win_size: int = 400
    compress_factor: float = 0.3
    beta: float = 2.0

    def __post_init__(self) -> None:
        for name in ("hid_feature", "num_tfmamba", "d_state", "d_conv", "expand", "n_fft", "hop_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_fft % 4:
            raise InputError(
                f"n_fft must be a multiple of 4, for the codec halves its bins, got {self.n_fft}"
            )
        if not self.hop_size <= self.win_size // 2 <= self.n_fft // 2:
            raise InputError(
                f"hop_size {self.hop_size} must be at most half of win_size {self.win_size}, "
                f"and win_size at most n_fft {self.n_fft}"
            )
        if not 0.0 < self.compress_factor <= 1.0:
            raise InputError(f"compress_factor must be above 0 and at most 1, got {self.compress_factor}")
        if not self.beta > 0.0:
            raise InputError(f"beta must be above 0, got {self.beta}")

    @property
    def bins(self) -> int:
        """Frequency bins F of one frame."""
        return self.n_fft // 2 + 1


class SEMamba(nn.Module):
    """Compressed noisy magnitude and phase to clean ones, of whole recordings at unit RMS.

    `semamba_offline.enhance_offline` goes from wave to wave.
    Parameters are named and shaped as in the published checkpoints, so that these load with ``strict=True``.
    """

    def __init__(self, config: SEMambaConfig) -> None:
        super().__init__()
        self.config = config
        channels, bins = config.hid_feature, config.bins
        self.dense_encoder = DenseEncoder(2, channels, bins, causal=False)
        self.TSMamba = nn.ModuleList(
            SEMambaBlock(channels, config.d_state, config.d_conv, config.expand)
            for _ in range(config.num_tfmamba)
        )
        self.mask_decoder = MagDecoder(channels, bins, config.beta, causal=False)
        self.phase_decoder = PhaseDecoder(channels, bins, causal=False)

    def forward(self, noisy_mag: Tensor, noisy_pha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Enhance spectra.

        Args:
            noisy_mag: ``[B, F, T]``, magnitudes to the power of ``compress_factor``.
            noisy_pha: ``[B, F, T]``, phases in radians.

        Returns:
            Compressed magnitude and phase, both ``[B, F, T]``, and their complex spectrum ``[B, F, T, 2]``.
        """
        x = torch.stack([noisy_mag, noisy_pha], dim=1).transpose(2, 3)  # [B, 2, T, F]
        x, _ = self.dense_encoder(x)
        for block in self.TSMamba:
            x = block(x)
        mag = self.mask_decoder(x)[0].squeeze(1).transpose(1, 2) * noisy_mag
        pha = self.phase_decoder(x)[0].transpose(1, 2)
        return mag, pha, torch.stack([mag * torch.cos(pha), mag * torch.sin(pha)], dim=-1)


def load_semamba_checkpoint(path: str | PathLike[str]) -> SEMamba:
    """Load a published checkpoint, ``{"generator": state_dict}``, or trained safetensors, on the CPU.

    The sizes are read from the shapes. Window (``n_fft``), hop (a quarter of it), compression and beta leave
    no trace there; they are taken to be as published.

    Raises:
        InputError: the file is missing or no such checkpoint.
    """
    try:
        if Path(path).suffix == ".safetensors":
            checkpoint = {"generator": load_file(path)}
        else:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read the checkpoint '{path}': {error.strerror}") from error
    except Exception as error:  # the unpickler raises whatever foreign bytes lead it to
        raise InputError(f"'{path}' is no checkpoint of torch weights: give the file as published") from error
    weights = checkpoint.get("generator") if isinstance(checkpoint, dict) else None
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"'{path}' holds no SEMamba weights: they belong under the key 'generator'")
    try:
        model = SEMamba(_config_of(weights))
        model.load_state_dict(dict(weights), strict=True)
    except (LookupError, ArithmeticError, ValueError, RuntimeError) as error:
        raise InputError(f"'{path}' holds the weights of another model, not of SEMamba") from error
    return model.eval()


def _config_of(weights: Mapping[str, Tensor]) -> SEMambaConfig:
    """The sizes that the shapes of a state dict tell."""
    mixer = "TSMamba.0.time_mamba.forward_blocks.0.mixer"
    inner, d_state = weights[f"{mixer}.A_log"].shape
    channels = weights["dense_encoder.dense_conv_1.0.weight"].shape[0]
    n_fft = 2 * (weights["mask_decoder.lsigmoid.slope"].shape[0] - 1)
    return SEMambaConfig(
        hid_feature=channels,
        num_tfmamba=len({name.split(".")[1] for name in weights if name.startswith("TSMamba.")}),
        d_state=d_state,
        d_conv=weights[f"{mixer}.conv1d.weight"].shape[2],
        expand=inner // channels,
        n_fft=n_fft,
        hop_size=n_fft // 4,
        win_size=n_fft,
    )
