// Rounding to bfloat16, into the layouts that tiles take: see amx.h. Columns are in whole vectors.

#pragma once

#include <algorithm>
#include <cstdint>

#include "transpose.h"

namespace lipstream::tiles {

using Bfloat16 = std::uint16_t;

constexpr int kDepth = 32;  // numbers of a left tile's row

inline int whole(int count, int step) { return (count + step - 1) / step * step; }

// 32 numbers rounded, those of `low` first.
inline __m512i rounded(__m512 low, __m512 high) {
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    return reinterpret_cast<const __m512i &>(both);
}

// Two rows of 16 bfloat16, one behind the other, as 16 pairs.
inline __m512i paired(__m512i rows) {
    alignas(64) static constexpr std::uint16_t order[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                            21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                            11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return _mm512_permutexvar_epi16(_mm512_load_si512(order), rows);
}

// Numbers one after the other, a multiple of 32.
inline void round_all(int count, const float *from, Bfloat16 *to) {
    for (int i = 0; i < count; i += kDepth)
        _mm512_storeu_si512(to + i, rounded(_mm512_loadu_ps(from + i), _mm512_loadu_ps(from + i + kTile)));
}

// Rows [rows][columns] as a left factor.
inline void round_rows(int rows, int columns, const float *from, long stride, Bfloat16 *to) {
    const int depth = whole(columns, kDepth);
    for (int i = 0; i < rows; ++i, from += stride, to += depth)
        for (int j = 0; j < depth; j += kDepth) {
            const __m512 high = j + kTile < columns ? _mm512_loadu_ps(from + j + kTile) : _mm512_setzero_ps();
            _mm512_storeu_si512(to + j, rounded(_mm512_loadu_ps(from + j), high));
        }
}

// Rows [depth][columns] as a right factor.
inline void round_pairs(int depth, int columns, const float *from, long stride, Bfloat16 *to) {
    for (int k = 0; k < depth; k += 2, from += 2 * stride)
        for (int j = 0; j < columns; j += kTile, to += 2 * kTile) {
            const __m512 odd = k + 1 < depth ? _mm512_loadu_ps(from + stride + j) : _mm512_setzero_ps();
            _mm512_storeu_si512(to, paired(rounded(_mm512_loadu_ps(from + j), odd)));
        }
}

// Rows [depth][columns] as the left factor [columns][depth], its rows `to_stride` apart.
inline void round_columns(int depth, int columns, const float *from, long stride, Bfloat16 *to, long to_stride) {
    const __m512 zero = _mm512_setzero_ps();
    for (int j = 0; j < columns; j += kTile)
        for (int k = 0; k < depth; k += kDepth) {
            __m512i pairs[kTile];
#pragma GCC unroll 16
            for (int i = 0; i < kTile; ++i) {
                const int even = k + 2 * i;
                const float *at = from + even * stride + j;
                const __m512 low = even < depth ? _mm512_loadu_ps(at) : zero;
                pairs[i] = paired(rounded(low, even + 1 < depth ? _mm512_loadu_ps(at + stride) : zero));
            }
            transpose(pairs);
#pragma GCC unroll 16
            for (int i = 0; i < kTile; ++i) _mm512_storeu_si512(to + (j + i) * to_stride + k, pairs[i]);
        }
}

// 16 x 16 numbers for three roles, those whose place is not null: rows of a left factor, 32 apart; rows of a right
// factor, 16 pairs apart; the transposed matrix as a right factor, its rows `width` pairs apart.
inline void lay_out(const __m512 (&from)[kTile], Bfloat16 *rows, Bfloat16 *pairs, Bfloat16 *turned, int width) {
    __m512i two[kTile / 2];
#pragma GCC unroll 8
    for (int i = 0; i < kTile / 2; ++i) {
        two[i] = rounded(from[2 * i], from[2 * i + 1]);
        if (pairs) _mm512_storeu_si512(pairs + i * 2 * kTile, paired(two[i]));
        if (!rows) continue;
        const auto even = reinterpret_cast<__m256i *>(rows + 2 * i * kDepth);
        const auto odd = reinterpret_cast<__m256i *>(rows + (2 * i + 1) * kDepth);
        _mm256_storeu_si256(even, _mm512_castsi512_si256(two[i]));
        _mm256_storeu_si256(odd, _mm512_extracti64x4_epi64(two[i], 1));
    }
    if (!turned) return;
    transpose(two);  // even rows are now on the left, odd ones on the right
    const __m512i order = _mm512_set_epi32(15, 7, 14, 6, 13, 5, 12, 4, 11, 3, 10, 2, 9, 1, 8, 0);
#pragma GCC unroll 8
    for (int i = 0; i < kTile / 2; ++i)
        _mm512_storeu_si512(turned + i * 2 * width, _mm512_permutexvar_epi32(order, two[i]));
}

}  // namespace lipstream::tiles
