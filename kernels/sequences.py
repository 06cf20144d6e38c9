"""Scans of whole sequences: on CUDA by mamba-ssm's kernels where it imports, else by the torch references.

mamba-ssm (Gu & Dao 2023; Dao & Gu 2024) is optional. Its kernels are differentiable and keep little more than
their inputs for the way back; the torch loop of Mamba-1 keeps every state. They differ from the references by
rounding: those of Mamba-2 multiply in TF32.
"""

import functools
import importlib
import importlib.util
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from .reference import selective_scan as reference
from .reference.ssd import ssd_chunked

#: Frames of one chunk of mamba-ssm's Mamba-2 kernels.
CHUNK = 64
#: Most programs along the grid axis on which those kernels put rows times chunks: a limit of CUDA.
MOST_CHUNKS = 2**16 - 1


class MambaSsm(NamedTuple):
    """The two functions of mamba-ssm that serve here, under its own names; None where one is missing."""

    selective_scan_fn: Callable[..., tuple[Tensor, Tensor]] | None = None
    mamba_chunk_scan_combined: Callable[..., tuple[Tensor, Tensor]] | None = None


@functools.cache
def mamba_ssm() -> MambaSsm:
    """The package's functions. Warns where it is installed and does not import."""
    if importlib.util.find_spec("mamba_ssm") is None:
        return MambaSsm()
    scan = _imported("mamba_ssm.ops.selective_scan_interface")
    combined = _imported("mamba_ssm.ops.triton.ssd_combined")
    # Newer versions are built without the extension of Mamba-1 unless told otherwise, and still import.
    has_extension = getattr(scan, "selective_scan_cuda", None) is not None
    return MambaSsm(
        scan.selective_scan_fn if scan is not None and has_extension else None,
        None if combined is None else combined.mamba_chunk_scan_combined,
    )


def _imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception as error:  # an extension built for another torch or CUDA fails in many ways
        warnings.warn(f"{name} does not import, torch scans instead: {error}", stacklevel=3)
        return None


def _may_serve(x: Tensor) -> bool:
    return x.is_cuda and x.dtype in {torch.float32, torch.bfloat16, torch.float16}


def selective_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h0: Tensor | None
) -> tuple[Tensor, Tensor]:
    """`kernels.reference.selective_scan.selective_scan`; ``h0`` None begins from zeros.

    mamba-ssm serves sequences that begin from zeros; the state that it gives has no gradient.
    """
    scan = mamba_ssm().selective_scan_fn if _may_serve(u) else None
    if scan is None or h0 is not None:
        if h0 is None:
            h0 = u.new_zeros(u.shape[0], *A.shape)
        return reference.selective_scan(u, delta, A, B, C, D, h0)
    inputs, steps, b, c = (v.to(u.dtype).transpose(1, 2) for v in (u, delta, B, C))  # [R, channels, L]
    y, last = scan(inputs, steps, A, b, c, D, return_last_state=True)
    return y.transpose(1, 2), last.detach()


def ssd_scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h0: Tensor
) -> tuple[Tensor, Tensor]:
    """`kernels.reference.ssd.ssd_chunked`."""
    scan = mamba_ssm().mamba_chunk_scan_combined if _may_serve(x) else None
    rows, length = x.shape[:2]
    if scan is None or rows * -(-length // CHUNK) > MOST_CHUNKS:
        return ssd_chunked(x, dt, A, B, C, D, h0)
    b, c = (v.to(x.dtype).unsqueeze(2) for v in (B, C))  # one group for all heads
    return scan(x, dt, A, b, c, CHUNK, D, initial_states=h0, return_final_states=True)
