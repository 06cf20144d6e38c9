"""A whole residual Mamba-2 mixer as one compiled CPU kernel, forward and backward (``kernels/cpu``).

Plain torch streams its small tensors through memory dozens of times for each mixer; the kernel takes one row
after the other through norm, projection, convolution, scan, gate and projection while the row lies in cache,
and keeps nothing for the way back but its input. It is built with the system's C++ compiler on first use and
kept in the user's cache; without a compiler the torch reference in ``models`` does the same, slower.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

_FOLDER = Path(__file__).with_name("cpu")
_SOURCE = _FOLDER / "mixer.cpp"
_FAST = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp")
_COMPILE = (*_FAST, "-std=c++17", "-fPIC", "-c")
#: Linked apart, without -ffast-math: with it the library would make whoever loads it flush denormals to zero.
_LINK = ("-shared", "-fopenmp")
#: The types of numbers that the kernel is compiled for: suffix of its functions, type in C.
_REALS: dict[torch.dtype, tuple[str, Any]] = {
    torch.float32: ("float", ctypes.c_float),
    torch.float64: ("double", ctypes.c_double),
}


class MixerWeights(NamedTuple):
    """The parameters of a residual mixer ``x + out(mixer(in(norm(x))))``, as ``models.mamba2`` keeps them.

    ``norm [C]``, ``in_proj [E + M + H, C]`` (gate, input of the convolution, raw dt; ``M = E + 2N``),
    ``taps [M, K]`` and ``bias [M]`` of the short convolution, ``dt_bias, A, D [H]``, ``gate_norm [E]``,
    ``out_proj [C, E]``.
    """

    norm: Tensor
    in_proj: Tensor
    taps: Tensor
    bias: Tensor
    dt_bias: Tensor
    A: Tensor
    D: Tensor
    gate_norm: Tensor
    out_proj: Tensor


class Carried(NamedTuple):
    """What a stream carries on after the last position, without gradient.

    ``ssm [R1, R2, E, N]``, and the last inputs of the convolution, ``conv [R1, R2, K - 1, M]``.
    """

    ssm: Tensor
    conv: Tensor


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lipstream"


def _cpu_flags() -> str:
    """What ``-march=native`` depends on: a library built for another processor must not be loaded."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return ""
    return next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")


def _build(compiler: str, built: Path) -> None:
    """Compile the kernel; ``built`` appears whole or not at all.

    Raises:
        OSError: the cache cannot be written.
        subprocess.CalledProcessError: the compiler fails.
    """
    built.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        compiled, linked = f"{folder}/kernel.o", f"{folder}/{built.name}"
        for command in ([*_COMPILE, str(_SOURCE), "-o", compiled], [*_LINK, compiled, "-o", linked]):
            subprocess.run([compiler, *command], capture_output=True, check=True)
        Path(linked).replace(built)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The compiled kernel; None where there is no compiler or it fails."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return None
    sources = [path.read_text() for path in sorted(_FOLDER.iterdir()) if path.suffix in {".cpp", ".h"}]
    key = hashlib.sha256("\n".join([*sources, *_COMPILE, *_LINK, compiler, _cpu_flags()]).encode())
    built = _cache_folder() / f"cpu_mixer-{key.hexdigest()[:16]}.so"
    try:
        if not built.exists():
            _build(compiler, built)
        return ctypes.CDLL(str(built))
    except (OSError, subprocess.CalledProcessError):
        return None


def available() -> bool:
    """Whether the kernel can be (or is) built here."""
    return _library() is not None


def serves(x: Tensor) -> bool:
    """Whether the kernel is `available` and works on tensors like ``x``: on CPU, in float32 or float64."""
    full_precision = x.dtype in _REALS and not torch.is_autocast_enabled("cpu")
    return x.device.type == "cpu" and full_precision and available()


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


class _Call(NamedTuple):
    """The arguments that forward and backward share, as C sees them."""

    suffix: str
    shape: Any
    layout: Any
    eps: Any
    threads: int

    @classmethod
    def of(cls, x: Tensor, weights: tuple[Tensor, ...], two_sided: bool, eps: float) -> "_Call":
        outer, inner, length, channels = x.shape
        taps, heads, wide = weights[2], weights[6].numel(), weights[7].numel()
        states = (taps.shape[0] - wide) // 2
        sizes = (channels, wide, states, heads, length, taps.shape[1], int(two_sided))
        suffix, real = _REALS[x.dtype]
        layout = (ctypes.c_long * 5)(outer, inner, *x.stride()[:3])
        return cls(suffix, (ctypes.c_int * 7)(*sizes), layout, real(eps), torch.get_num_threads())


def _like(tensor: Tensor, x: Tensor) -> Tensor:
    """The tensor with the strides of ``x``."""
    return tensor if tensor.stride() == x.stride() else torch.empty_like(x).copy_(tensor)


class _ResidualMixer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, two_sided: bool, eps: float, *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        library, call = _library(), _Call.of(x, weights, two_sided, eps)
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        _, wide, states, _, _, taps, _ = call.shape
        rows = (0, 0) if two_sided else x.shape[:2]
        out = torch.empty_like(x)
        ssm, conv = x.new_empty(*rows, wide, states), x.new_empty(*rows, taps - 1, wide + 2 * states)
        getattr(library, f"mixer_forward_{call.suffix}")(
            call.shape, call.layout, call.eps, call.threads, _pointer(flat), _pointer(x), _pointer(out),
            _pointer(ssm), _pointer(conv),
        )  # fmt: skip
        ctx.save_for_backward(x, flat, *weights)
        ctx.settings = (two_sided, eps)
        ctx.mark_non_differentiable(ssm, conv)
        return out, ssm, conv

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, flat, *weights = ctx.saved_tensors
        library, call = _library(), _Call.of(x, tuple(weights), *ctx.settings)
        grad_out, grad_x = _like(grads[0], x), torch.empty_like(x)
        partial = x.new_empty(call.threads, flat.numel())
        getattr(library, f"mixer_backward_{call.suffix}")(
            call.shape, call.layout, call.eps, call.threads, _pointer(flat), _pointer(x), _pointer(grad_out),
            _pointer(grad_x), _pointer(partial), ctypes.c_long(flat.numel()),
        )  # fmt: skip
        parts = partial.sum(0).split([weight.numel() for weight in weights])
        return (
            grad_x,
            None,
            None,
            *(part.view_as(weight) for part, weight in zip(parts, weights, strict=True)),
        )


def residual_mixer(
    x: Tensor, weights: MixerWeights, two_sided: bool, eps: float
) -> tuple[Tensor, Carried | None]:
    """``x + mixer(rms_norm(x))`` for whole rows from a zero state.

    Args:
        x: ``[R1, R2, L, C]``, rows along L. The strides of the first three axes may be any, so that rows
            along time and along frequency come from one tensor without a copy; see `serves`.
        weights: see `MixerWeights`.
        two_sided: both directions with a centred convolution (`kernels.ssd.ssd_two_sided`), else causal.
        eps: of both RMS norms.

    Returns:
        As ``x``, and what a stream would carry on (None if ``two_sided``: there is none).

    Raises:
        RuntimeError: the kernel is not `available`.
    """
    if not available():
        raise RuntimeError("no C++ compiler built the mixer kernel; use the torch reference")
    # What is allocated like a tensor with gaps has none, and would lie differently.
    dense = x.stride(-1) == 1 and torch.empty_like(x, device="meta").stride() == x.stride()
    out, ssm, conv = _ResidualMixer.apply(x if dense else x.contiguous(), two_sided, eps, *weights)
    return out, None if two_sided else Carried(ssm, conv)
