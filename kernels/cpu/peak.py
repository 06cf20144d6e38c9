"""What one core can do at most: the floor under `kernels.cpu.step`."""

import ctypes
import time

import numpy as np

from ..build import Code, library

#: Multiply-accumulates are timed in spells of about a millisecond, the fastest of which counts.
_REPEATS, _SPELLS = 300, 300


def macs_per_second() -> float:
    """Multiply-accumulates of the step's matrix product on operands in the first cache, one thread.

    Raises:
        kernels.build.BuildError: it cannot be compiled here.
    """
    products = library(Code("infer/peak.cpp")).peak_products
    products.restype, products.argtypes = ctypes.c_double, [ctypes.c_int]
    best = 0.0
    for _ in range(_SPELLS):
        started = time.perf_counter()
        macs = products(_REPEATS)
        best = max(best, macs / (time.perf_counter() - started))
    return best


def bytes_per_second(size: int) -> float:
    """Bytes read and written a second by copies between two arrays of ``size`` bytes together, one thread."""
    source, target = np.ones((2, size // 8), np.float32)
    best = 0.0
    for _ in range(_SPELLS):
        started = time.perf_counter()
        np.copyto(target, source)
        best = max(best, 2 * source.nbytes / (time.perf_counter() - started))
    return best
