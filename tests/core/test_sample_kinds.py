"""16-bit samples there and back: nothing is lost, nothing wraps around."""

import numpy as np

from lipstream.core.sample_kinds import from_int16, to_int16


def test_every_sample_comes_back() -> None:
    samples = np.arange(-32_768, 32_768).astype(np.int16).reshape(2, -1)
    scaled = from_int16(samples)
    assert scaled.dtype == np.float32
    assert (scaled.min(), scaled.max()) == (-1.0, 32_767 / 32_768)
    np.testing.assert_array_equal(to_int16(scaled), samples)


def test_what_is_over_full_scale_is_clipped() -> None:
    np.testing.assert_array_equal(to_int16(np.array([-7.0, 1.0, 1e9], np.float32)), [-32_768, 32_767, 32_767])
