"""Device functions that the kernels share. Numbers are float32 in registers, whatever they are in memory."""

import triton
import triton.language as tl


@triton.jit
def read(address: tl.tensor, mask: tl.tensor) -> tl.tensor:
    """What lies there in float32, zero where masked."""
    return tl.load(address, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def silu(x: tl.tensor) -> tl.tensor:
    return x * tl.sigmoid(x)


@triton.jit
def softplus(x: tl.tensor) -> tl.tensor:
    """``log(1 + exp(x))``, exact to rounding for the small time steps too (Goldberg 1991, theorem 4)."""
    small = tl.exp(-tl.abs(x))
    more = 1.0 + small
    lost = tl.where(more == 1.0, 1.0, more - 1.0)
    log1p = tl.where(more == 1.0, small, tl.log(more) * (small / lost))
    return tl.maximum(x, 0.0) + log1p
