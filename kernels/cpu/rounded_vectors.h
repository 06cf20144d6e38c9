// Functions of 16 numbers at once for the rows whose products are rounded.

#pragma once

#include "elementwise.h"
#include "transpose.h"

namespace lipstream::tiles {

ALWAYS_INLINE __m512 load(const float *at) { return _mm512_loadu_ps(at); }
ALWAYS_INLINE void store(float *at, __m512 value) { _mm512_storeu_ps(at, value); }
ALWAYS_INLINE void add(float *at, __m512 value) { store(at, load(at) + value); }
ALWAYS_INLINE __m512 all(float value) { return _mm512_set1_ps(value); }
ALWAYS_INLINE float sum(__m512 x) { return _mm512_reduce_add_ps(x); }

// 1 / (1 + e^-x), 6e-5 relative, which is what the reciprocal gives: far less than bfloat16 rounds. 2^t is 2 to the
// whole part of t, an exponent, times a polynomial in the rest (fitted, 3e-6 relative); t may be as large as it likes.
ALWAYS_INLINE __m512 sigmoid(__m512 x) {
    constexpr float c[] = {1.00000259f, 0.693003836f, 0.241442748f, 0.0520114749f, 0.0135341605f};
    const __m512 t = x * all(-1.44269504f), r = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF);
    const __m512 series = all(c[0]) + r * (all(c[1]) + r * (all(c[2]) + r * (all(c[3]) + r * all(c[4]))));
    return _mm512_rcp14_ps(all(1) + _mm512_scalef_ps(series, t));
}

// Products of the lanes up to each one or, downwards, from each one on.
template <bool kUp>
inline __m512 running_product(__m512 x) {
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
#pragma GCC unroll 4
    for (int step = 1; step < kTile; step *= 2) {
        const __m512i other = _mm512_add_epi32(lane, _mm512_set1_epi32(kUp ? -step : step));
        const __mmask16 there = kUp ? 0xffff << step : 0xffff >> step;
        x *= _mm512_mask_permutexvar_ps(all(1), there, other, x);
    }
    return x;
}

}  // namespace lipstream::tiles
