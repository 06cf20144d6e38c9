"""The inside of a Mamba-2 mixer as one compiled CPU kernel, forward and backward (``cpu_mixer.cpp``).

Plain torch streams its small tensors through memory dozens of times for each mixer; the kernel takes one row
after the other through convolution, activation, scan, gate and norm while the row lies in cache. It is built
with the system's C++ compiler on first use and kept in the user's cache; without a compiler the torch
reference in ``models.mamba2`` does the same, slower.
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

_SOURCE = Path(__file__).with_name("cpu_mixer.cpp")
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
    """The parameters between a mixer's projections.

    ``taps [M, K]`` and ``bias [M]`` of the short convolution (``M = E + 2N``), ``dt_bias, A, D [H]``,
    ``norm [E]``.
    """

    taps: Tensor
    bias: Tensor
    dt_bias: Tensor
    A: Tensor
    D: Tensor
    norm: Tensor


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
    key = hashlib.sha256("\n".join([_SOURCE.read_text(), *_COMPILE, *_LINK, compiler, _cpu_flags()]).encode())
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
    dims: Any
    weights: Any
    eps: Any
    threads: int


def _call(projected: Tensor, weights: tuple[Tensor, ...], state: int, two_sided: bool, eps: float) -> _Call:
    rows, length, _ = projected.shape
    inner, heads, taps = weights[5].numel(), weights[2].numel(), weights[0].shape[1]
    suffix, real = _REALS[projected.dtype]
    return _Call(
        suffix=suffix,
        dims=(ctypes.c_int * 7)(rows, length, inner, state, heads, taps, int(two_sided)),
        weights=(ctypes.c_void_p * 6)(*(weight.data_ptr() for weight in weights)),
        eps=real(eps),
        threads=torch.get_num_threads(),
    )


class _MixerCore(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, state: int, two_sided: bool, eps: float, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        projected, weights = projected.contiguous(), tuple(weight.contiguous() for weight in weights)
        library, call = _library(), _call(projected, weights, state, two_sided, eps)
        rows, length, _ = projected.shape
        inner = weights[5].numel()
        out = projected.new_empty(rows, length, inner)
        last = projected.new_empty(rows, inner, state)
        getattr(library, f"mixer_forward_{call.suffix}")(
            call.dims,
            _pointer(projected),
            call.weights,
            call.eps,
            call.threads,
            _pointer(out),
            _pointer(last),
        )
        ctx.save_for_backward(projected, *weights)
        ctx.settings = (state, two_sided, eps)
        ctx.mark_non_differentiable(last)
        return out, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        projected, *saved = ctx.saved_tensors
        weights = tuple(saved)
        library, call = _library(), _call(projected, weights, *ctx.settings)
        grad_out, grad_projected = grads[0].contiguous(), torch.empty_like(projected)
        sizes = [weight.numel() for weight in weights]
        partial = projected.new_zeros(call.threads, sum(sizes))
        getattr(library, f"mixer_backward_{call.suffix}")(
            call.dims, _pointer(projected), call.weights, call.eps, call.threads, _pointer(grad_out),
            _pointer(grad_projected), _pointer(partial),
        )  # fmt: skip
        taps, *others = partial.sum(0).split(sizes)
        grad_taps = taps.view(weights[0].shape[1], -1).t()  # the kernel keeps them as [K, M]
        return grad_projected, None, None, None, grad_taps, *others


def mixer_core(
    projected: Tensor, weights: MixerWeights, d_state: int, two_sided: bool, eps: float
) -> tuple[Tensor, Tensor]:
    """Everything between the two projections of a Mamba-2 mixer, for whole rows from a zero state.

    Args:
        projected: ``[R, L, E + (E + 2N) + H]``: gate, input of the convolution, raw dt; see `serves`.
        weights: see `MixerWeights`.
        d_state: ``N``.
        two_sided: both directions with a centred convolution (`kernels.ssd.ssd_two_sided`), else causal.
        eps: of the RMS norm.

    Returns:
        ``[R, L, E]``, and the state after the last frame ``[R, E, N]`` (forward direction; no gradient).

    Raises:
        RuntimeError: the kernel is not `available`.
    """
    if not available():
        raise RuntimeError("no C++ compiler built the mixer kernel; use the torch reference")
    out, last = _MixerCore.apply(projected, d_state, two_sided, eps, *weights)
    return out, last
