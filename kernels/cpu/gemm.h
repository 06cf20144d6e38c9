// Small matrix products with all accumulators in registers, for matrices that lie in cache.
//
// Every matrix is row-major with rows padded to whole vectors, the padding being zero, so that no product has
// a tail along its rows. The left factor is read one element at a time, so any strides do: transposing it is free.

#pragma once

#include <cstddef>

namespace lipstream {

template <typename T>
struct Simd {
    static constexpr int lanes = 64 / sizeof(T);
    typedef T vector __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
};

// The numbers from an address on as one vector.
template <typename T>
inline typename Simd<T>::vector &vector_at(T *at) { return *reinterpret_cast<typename Simd<T>::vector *>(at); }

template <typename T>
inline const typename Simd<T>::vector &vector_at(const T *at) {
    return *reinterpret_cast<const typename Simd<T>::vector *>(at);
}

template <typename T>
inline int padded(int count) {
    return (count + Simd<T>::lanes - 1) / Simd<T>::lanes * Simd<T>::lanes;
}

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

template <typename T, int MR, int NV>
inline void columns(int rows, int depth, Left<T> a, const T *b, std::ptrdiff_t b_stride, T *c, std::ptrdiff_t c_stride,
                    bool add) {
    int i = 0;
    for (; i + MR <= rows; i += MR)
        tile<T, MR, NV>(depth, {a.data + i * a.row, a.row, a.column}, b, b_stride, c + i * c_stride, c_stride, add);
    for (; i < rows; ++i)
        tile<T, 1, NV>(depth, {a.data + i * a.row, a.row, a.column}, b, b_stride, c + i * c_stride, c_stride, add);
}

// C [rows, width] (+)= A [rows, depth] B [depth, width], width in whole vectors.
template <typename T>
inline void gemm(int rows, int width, int depth, Left<T> a, const T *b, std::ptrdiff_t b_stride, T *c,
                 std::ptrdiff_t c_stride, bool add) {
    constexpr int lanes = Simd<T>::lanes;
    int j = 0;
    for (; j + 4 * lanes <= width; j += 4 * lanes)
        columns<T, 6, 4>(rows, depth, a, b + j, b_stride, c + j, c_stride, add);
    for (; j + 2 * lanes <= width; j += 2 * lanes)
        columns<T, 8, 2>(rows, depth, a, b + j, b_stride, c + j, c_stride, add);
    for (; j < width; j += lanes) columns<T, 8, 1>(rows, depth, a, b + j, b_stride, c + j, c_stride, add);
}

// Copy [rows, columns] transposed.
template <typename T>
inline void transpose(int rows, int columns, const T *from, std::ptrdiff_t from_stride, T *to,
                      std::ptrdiff_t to_stride) {
    for (int j = 0; j < columns; ++j)
        for (int i = 0; i < rows; ++i) to[j * to_stride + i] = from[i * from_stride + j];
}

}  // namespace lipstream
