"""Which bins count for what: levels of a cue, and bands of a voice gate. Torch-free."""

import itertools

import numpy as np
import numpy.typing as npt

from ..config import CUE_SIZE, BandCodecConfig, StftConfig

#: Upper edges of the bands of a cue in Hz, and the lower edge of the first.
BAND_EDGES_HZ = (100, 700, 1800, 3500, 7500)
assert len(BAND_EDGES_HZ) == CUE_SIZE // 2  # each band, and all together

Weights = npt.NDArray[np.float32]


def cue_bands(stft: StftConfig) -> Weights:
    """Weights ``[F, 5]`` of bins in the levels of a cue: means over four bands, and over all of them."""
    hz = np.arange(stft.bins) * (stft.sample_rate / stft.window)
    edges = [*itertools.pairwise(BAND_EDGES_HZ), (BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1])]
    bands = np.stack([(hz >= low) & (hz < high) for low, high in edges], axis=1).astype(np.float32)
    # A band without a bin, as in very short windows, has no level.
    return bands / bands.sum(0).clip(min=1.0)


def spread(bands: BandCodecConfig, bins: int) -> Weights:
    """Weights ``[P, F]`` of bands in each bin: interpolated between their middles, a sum of 1."""
    middles, start = [], 0.0
    for region in bands.regions:
        middles += [start + region.width * (index + 0.5) - 0.5 for index in range(region.bands)]
        start += region.width * region.bands
    if len(middles) == 1:
        return np.ones((1, bins), np.float32)
    at, middle = np.arange(bins), np.array(middles)
    above = np.searchsorted(middle, at).clip(1, len(middles) - 1)
    share = ((at - middle[above - 1]) / (middle[above] - middle[above - 1])).clip(0.0, 1.0)
    weights = np.zeros((len(middles), bins), np.float32)
    weights[above, at] += share
    weights[above - 1, at] += 1.0 - share
    return weights


def gather(bands: BandCodecConfig, bins: int) -> Weights:
    """Weights ``[F, P]`` of bins in each band: a mean by the same shares."""
    shares = spread(bands, bins)
    return (shares / shares.sum(1, keepdims=True)).T.copy()
