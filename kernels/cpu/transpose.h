// Blocks of 16 x 16 numbers of four bytes in the registers of AVX-512, transposed and summed up.

#pragma once

#include <immintrin.h>

namespace lipstream::tiles {

constexpr int kTile = 16;

// Where the lanes of two rows, `step` apart, go when the blocks beside the diagonal, `step` on a side, change places.
struct Swap {
    __m512i upper, lower;
    explicit Swap(int step) {
        const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        const __m512i across = _mm512_xor_si512(lane, _mm512_set1_epi32(step)), other = _mm512_set1_epi32(kTile);
        const __mmask16 right = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(step));
        upper = _mm512_mask_add_epi32(lane, right, across, other);
        lower = _mm512_mask_add_epi32(across, right, lane, other);
    }
};

// 16 rows, or the left and the right half of 8 rows.
template <int kRows>
inline void transpose(__m512i (&rows)[kRows]) {
#pragma GCC unroll 4
    for (int step = 1; step < kRows; step *= 2) {
        const Swap swap(step);
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
            if (i & step) continue;
            const __m512i above = rows[i], below = rows[i + step];
            rows[i] = _mm512_permutex2var_epi32(above, swap.upper, below);
            rows[i + step] = _mm512_permutex2var_epi32(above, swap.lower, below);
        }
    }
}

// The sum of each row; the rows are lost.
inline __m512 row_sums(__m512 (&rows)[kTile]) {
#pragma GCC unroll 4
    for (int step = 1; step < kTile; step *= 2) {
        const Swap swap(step);
#pragma GCC unroll 16
        for (int i = 0; i < kTile; i += 2 * step)
            rows[i] = _mm512_permutex2var_ps(rows[i], swap.upper, rows[i + step]) +
                      _mm512_permutex2var_ps(rows[i], swap.lower, rows[i + step]);
    }
    return rows[0];
}

// Copies 16 x 16 numbers, transposed.
inline void turn(const float *from, long from_stride, float *to, long to_stride) {
    __m512i rows[kTile];
#pragma GCC unroll 16
    for (int i = 0; i < kTile; ++i) rows[i] = _mm512_loadu_si512(from + i * from_stride);
    transpose(rows);
#pragma GCC unroll 16
    for (int i = 0; i < kTile; ++i) _mm512_storeu_si512(to + i * to_stride, rows[i]);
}

}  // namespace lipstream::tiles
