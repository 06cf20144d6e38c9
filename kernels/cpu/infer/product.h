// Matrices whose rows are whole vectors, and their products, sizes known when they are compiled: rows and columns are shared out over tiles that are
// as large as the registers allow and as equal as can be, so that no product has a slow rest.

#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "../common/vectors.h"

namespace lipstream {

constexpr int kLanes = Simd<float>::lanes;
using Vector = Simd<float>::vector;

// Rounded up to whole vectors.
constexpr int whole(int count) { return padded<float>(count); }

// A matrix with rows of whole vectors; everything starts as zero, and so the padding stays.
template <int kRows, int kColumns>
struct alignas(64) Padded {
    static constexpr int stride = whole(kColumns);
    float data[kRows][stride];
    float *operator[](int row) { return data[row]; }
    const float *operator[](int row) const { return data[row]; }
};

static inline Vector load(const float *from) { return vector_at(from); }
static inline void store(float *to, Vector v) { vector_at(to) = v; }

// The first factor [rows][depth] of each tap, read one element at a time.
struct Factor {
    const float *data;
    std::ptrdiff_t row, tap;
};

// Rows of whole vectors.
template <typename T>
struct Strided {
    T *data;
    std::ptrdiff_t stride;
};

using Source = Strided<const float>;
using Target = Strided<float>;

// kRows by kVectors vectors of `to` (+)= sum over taps of a[tap] from[.., tap further on].
template <int kRows, int kVectors, int kDepth, int kTapCount, bool kAdd>
inline void product_tile(Factor a, Source from, Target to) {
    Vector sums[kRows][kVectors];
    for (int i = 0; i < kRows; ++i)
        for (int j = 0; j < kVectors; ++j) sums[i][j] = kAdd ? load(to.data + i * to.stride + j * kLanes) : Vector{};
    for (int tap = 0; tap < kTapCount; ++tap)
        for (int k = 0; k < kDepth; ++k) {
            Vector row[kVectors];
            for (int j = 0; j < kVectors; ++j) row[j] = load(from.data + k * from.stride + tap + j * kLanes);
            for (int i = 0; i < kRows; ++i) {
                const float factor = a.data[i * a.row + tap * a.tap + k];
                for (int j = 0; j < kVectors; ++j) sums[i][j] += factor * row[j];
            }
        }
    for (int i = 0; i < kRows; ++i)
        for (int j = 0; j < kVectors; ++j) store(to.data + i * to.stride + j * kLanes, sums[i][j]);
}

// Calls part(size, start) for `kCount` in equal parts of at most `kMost`, sizes as compile-time constants.
template <int kCount, int kMost, int kStart = 0, typename Part>
inline void share_out(Part part) {
    constexpr int parts = (kCount - kStart + kMost - 1) / kMost;
    if constexpr (parts > 0) {
        constexpr int size = (kCount - kStart + parts - 1) / parts;
        part(std::integral_constant<int, size>{}, kStart);
        share_out<kCount, kMost, kStart + size>(part);
    }
}

// to [kRows][kColumns] (+)= sum over taps of a [kRows][kDepth] from [kDepth][kColumns], see `product_tile`.
//
// `times` such blocks of rows, one below the other, share what a tile reads of `from`. Each gets to the bit what it
// gets alone, which taller tiles would not promise: with -ffast-math their sums may come in another order.
template <int kRows, int kColumns, int kDepth, int kTapCount = 1, bool kAdd = false>
inline void product(Factor a, Source from, Target to, int times = 1) {
    share_out<whole(kColumns) / kLanes, kWidestTile>([&](auto vectors, int first) {
        constexpr int most = tile_rows(vectors);
        for (int block = 0; block < times; ++block)
            share_out<kRows, most>([&](auto rows, int start) {
                const int row = block * kRows + start;
                product_tile<rows, vectors, kDepth, kTapCount, kAdd>(
                    {a.data + row * a.row, a.row, a.tap}, {from.data + first * kLanes, from.stride},
                    {to.data + row * to.stride + first * kLanes, to.stride});
            });
    });
}

}  // namespace lipstream
