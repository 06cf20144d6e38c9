// Squares of as many rows as a vector has lanes, in registers: turned, and the sum of each row.

#pragma once

#include <algorithm>
#include <utility>

#include "../common/vectors.h"

namespace lipstream {

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define LIPSTREAM_SHUFFLES
#endif
#endif

#ifdef LIPSTREAM_SHUFFLES

// Two rows, `kStep` apart, after the blocks beside the diagonal, `kStep` on a side, have changed places.
template <int kStep, typename V, int... kLane>
inline void swap_blocks(V &upper, V &lower, std::integer_sequence<int, kLane...>) {
    constexpr int lanes = sizeof...(kLane);
    const V above = upper, below = lower;
    upper = __builtin_shufflevector(above, below, (kLane & kStep ? lanes + (kLane ^ kStep) : kLane)...);
    lower = __builtin_shufflevector(above, below, (kLane & kStep ? lanes + kLane : kLane ^ kStep)...);
}

template <int kStep, typename V, int kRows>
inline void turn_square(V (&rows)[kRows]) {
    if constexpr (kStep < kRows) {
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i)
            if (!(i & kStep)) swap_blocks<kStep>(rows[i], rows[i + kStep], std::make_integer_sequence<int, kRows>{});
        turn_square<2 * kStep>(rows);
    }
}

// Halves the rows until lane i of the first one is the sum of row i: half the shuffles of turning the square.
template <int kStep, typename V, int kRows>
inline void sum_square(V (&rows)[kRows]) {
    if constexpr (kStep < kRows) {
#pragma GCC unroll 16
        for (int i = 0; i < kRows; i += 2 * kStep) {
            swap_blocks<kStep>(rows[i], rows[i + kStep], std::make_integer_sequence<int, kRows>{});
            rows[i] += rows[i + kStep];
        }
        sum_square<2 * kStep>(rows);
    }
}

// Copies `lanes` rows of as many numbers, transposed.
template <typename T>
inline void turn(const T *from, long from_stride, T *to, long to_stride) {
    constexpr int lanes = Simd<T>::lanes;
    typename Simd<T>::vector rows[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) rows[i] = vector_at(from + i * from_stride);
    turn_square<1>(rows);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) vector_at(to + i * to_stride) = rows[i];
}

#else

template <int kStep, typename V, int kRows>
inline void sum_square(V (&rows)[kRows]) {
    V sums = {};
    for (int i = 0; i < kRows; ++i)
        for (int j = 0; j < kRows; ++j) sums[i] += rows[i][j];
    rows[0] = sums;
}

template <typename T>
inline void turn(const T *from, long from_stride, T *to, long to_stride) {
    constexpr int lanes = Simd<T>::lanes;
    for (int i = 0; i < lanes; ++i)
        for (int j = 0; j < lanes; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}

#endif

// sums[i] = the sum of the vector row(i). A sum across one vector at a time would wait for its few numbers.
template <typename T, typename Row>
inline void sum_rows(int count, Row row, T *sums) {
    constexpr int lanes = Simd<T>::lanes;
    typename Simd<T>::vector rows[lanes];
    for (int i = 0; i < count; i += lanes) {
#pragma GCC unroll 16
        for (int k = 0; k < lanes; ++k) rows[k] = row(std::min(i + k, count - 1));
        sum_square<1>(rows);
        if (i + lanes <= count)
            vector_at(sums + i) = rows[0];
        else
            for (int k = 0; i + k < count; ++k) sums[i + k] = rows[0][k];
    }
}

}  // namespace lipstream
