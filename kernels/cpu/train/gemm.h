// Small matrix products with all accumulators in registers, for matrices that lie in cache.
//
// Every matrix is row-major with rows padded to whole vectors, the padding being zero, so that no product has
// a tail along its rows. The left factor is read one element at a time, so any strides do: transposing it is free.

#pragma once

#include <algorithm>
#include <cstddef>

#include "../common/vectors.h"

namespace lipstream {

// A factor read element by element: element (i, k) lies at data[i * row + k * column].
template <typename T>
struct Left {
    const T *data;
    std::ptrdiff_t row, column;
};

template <typename T>
inline Left<T> plain(const T *data, std::ptrdiff_t stride) { return {data, stride, 1}; }

template <typename T>
inline Left<T> transposed(const T *data, std::ptrdiff_t stride) { return {data, 1, stride}; }

// MR rows by NV vectors of C (+)= A B.
template <typename T, int MR, int NV>
inline void tile(int depth, Left<T> a, const T *b, std::ptrdiff_t b_stride, T *c, std::ptrdiff_t c_stride, bool add) {
    using V = typename Simd<T>::vector;
    constexpr int lanes = Simd<T>::lanes;
    V sums[MR][NV];
    for (int i = 0; i < MR; ++i)
        for (int j = 0; j < NV; ++j)
            sums[i][j] = add ? vector_at(c + i * c_stride + j * lanes) : V{};
    for (int k = 0; k < depth; ++k) {
        V row[NV];
        for (int j = 0; j < NV; ++j) row[j] = vector_at(b + k * b_stride + j * lanes);
        for (int i = 0; i < MR; ++i) {
            const T factor = a.data[i * a.row + k * a.column];
            for (int j = 0; j < NV; ++j) sums[i][j] += factor * row[j];
        }
    }
    for (int i = 0; i < MR; ++i)
        for (int j = 0; j < NV; ++j) vector_at(c + i * c_stride + j * lanes) = sums[i][j];
}

// Rows are shared out over tiles as equally as can be: a rest of single rows would wait for its few sums.
template <typename T, int NV, int MR = std::min(tile_rows(NV), 8)>
inline void columns(int rows, int depth, Left<T> a, const T *b, std::ptrdiff_t b_stride, T *c, std::ptrdiff_t c_stride,
                    bool add) {
    if constexpr (MR > 0) {
        const int tiles = (rows + MR - 1) / MR;
        // As many tiles of MR rows as leave at least MR - 1 rows for each of the others.
        const int full = rows >= tiles * (MR - 1) ? rows - tiles * (MR - 1) : 0;
        for (int n = 0; n < full; ++n, a.data += MR * a.row, c += MR * c_stride)
            tile<T, MR, NV>(depth, a, b, b_stride, c, c_stride, add);
        if (full < tiles) columns<T, NV, MR - 1>(rows - full * MR, depth, a, b, b_stride, c, c_stride, add);
    }
}

// C [rows, width] (+)= A [rows, depth] B [depth, width], width in whole vectors. Not inlined: it is called in many
// places, and a copy of its tiles in each would take the compiler a minute.
template <typename T, int NV = kWidestTile>
__attribute__((noinline)) void gemm(int rows, int width, int depth, Left<T> a, const T *b, std::ptrdiff_t b_stride, T *c,
                 std::ptrdiff_t c_stride, bool add) {
    constexpr int step = NV * Simd<T>::lanes;
    for (; width >= step; width -= step, b += step, c += step)
        columns<T, NV>(rows, depth, a, b, b_stride, c, c_stride, add);
    if constexpr (NV > 1)
        if (width > 0) gemm<T, NV - 1>(rows, width, depth, a, b, b_stride, c, c_stride, add);
}

// Copy [rows, columns] transposed.
template <typename T>
inline void transpose(int rows, int columns, const T *from, std::ptrdiff_t from_stride, T *to,
                      std::ptrdiff_t to_stride) {
    for (int j = 0; j < columns; ++j)
        for (int i = 0; i < rows; ++i) to[j * to_stride + i] = from[i * from_stride + j];
}

}  // namespace lipstream
