"""Enhance an array that is there as a whole."""

from __future__ import annotations

import warnings

import numpy as np

from ..core.arrays import Float32
from ..core.sample_kinds import Samples, float32_and_back
from ..errors import InputError
from ..models.config import SAMPLE_LIMIT
from .controls import NO_LIMIT_DB
from .defaults import AUTO, DEFAULT_MODEL
from .enhancer import Enhancer
from .lips_input import Lips


def enhance(
    array: Samples,
    sample_rate: int,
    lips: Lips | None = None,
    model: str = DEFAULT_MODEL,
    *,
    runtime: str = AUTO,
    atten_limit_db: float = NO_LIMIT_DB,
    bypass: bool = False,
    video: bool = True,
) -> Samples:
    """Enhance a whole recording: as many samples come back, in step with the input.

    It is what an `Enhancer` makes of the recording, its delay taken out. Each call loads the model: for many
    short recordings make one Enhancer. For files there is `enhance_file`.

    Args:
        array: ``[n]``, or ``[channels, n]`` of which each channel is a stream of its own; a NumPy array or a
            torch tensor, of floats in [-1, 1] or of int16.
        sample_rate: in Hz, 6000 to 192000.
        lips: of the speaker in all channels, as `Enhancer.process` takes them: with their times in seconds
            since the start, in order.
        model, runtime, atten_limit_db, bypass, video: as for `Enhancer`.

    Returns:
        An array or tensor of the same shape, dtype and device.

    Raises:
        InputError: an array of another shape or type, an empty one, NaN or infinity, a rate out of range, or
            whatever `Enhancer` and `Enhancer.process` refuse.
    """
    wave, back = float32_and_back(array, "array")
    _check(wave)
    enhancer = Enhancer(model, sample_rate, runtime, atten_limit_db, bypass, video)
    limited, enhanced = 0, np.empty_like(wave)
    for source, target in zip(np.atleast_2d(wave), np.atleast_2d(enhanced), strict=True):
        enhancer.reset()
        late = np.concatenate([enhancer.process(source, lips), enhancer.flush()])
        target[:] = late[enhancer.latency_samples :]
        limited += enhancer.limited_samples
    if limited:
        warnings.warn(
            f"samples beyond {SAMPLE_LIMIT:g} times full scale were limited to it ({limited}): "
            "scale the array to [-1, 1]",
            stacklevel=2,
        )
    return back(enhanced)


def _check(wave: Float32) -> None:
    shape = list(wave.shape)
    if wave.ndim not in (1, 2):
        raise InputError(f"array must be [n] or [channels, n], not {shape}: take one recording at a time")
    if not wave.size:
        raise InputError(f"array {shape} is empty: hand over at least one sample")
    if wave.ndim == 2 and wave.shape[0] > wave.shape[1]:
        raise InputError(f"array {shape} looks like [n, channels]: hand over array.T, which is [channels, n]")
    if not np.isfinite(wave).all():
        raise InputError("array holds NaN or infinity: replace them, for instance with np.nan_to_num(array)")
