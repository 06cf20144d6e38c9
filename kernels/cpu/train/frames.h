// Frames of tensors [B, C, T, F] with any strides, in and out of rows with the channels of a bin side by side: rows of
// numbers copied, or turned, a square of vectors in registers at a time.

#pragma once

#include <algorithm>

#include "../common/vectors.h"
#include "squares.h"

namespace lipstream {

// Calls with the starts of pieces of `step` that cover `count`; the last one may overlap the one before it.
template <typename Visit>
inline void cover(int count, int step, Visit visit) {
    for (int i = 0; i + step <= count; i += step) visit(i);
    if (count % step) visit(count - step);
}

template <typename T>
inline void copy_row(const T *from, int count, T *to) {
    constexpr int lanes = Simd<T>::lanes;
    if (count >= lanes) return cover(count, lanes, [&](int i) { vector_at(to + i) = vector_at(from + i); });
    if (count >= lanes / 2 && lanes > 2) {  // two halves that may overlap
        constexpr int half = lanes > 2 ? lanes / 2 : 1;
        typedef T Half __attribute__((vector_size(half * sizeof(T)), aligned(sizeof(T)), may_alias));
        const Half first = *reinterpret_cast<const Half *>(from),
                   last = *reinterpret_cast<const Half *>(from + count - half);
        *reinterpret_cast<Half *>(to) = first;
        *reinterpret_cast<Half *>(to + count - half) = last;
        return;
    }
    for (int i = 0; i < count; ++i) to[i] = from[i];
}

template <typename T>
inline void copy_rows(int rows, int columns, const T *from, long from_stride, T *to, long to_stride) {
    if (from_stride == columns && to_stride == columns) {
        std::copy_n(from, long(rows) * columns, to);
        return;
    }
    for (int i = 0; i < rows; ++i) copy_row(from + i * from_stride, columns, to + i * to_stride);
}

// Copies [rows][columns] as [columns][rows].
template <typename T>
inline void turn_rows(int rows, int columns, const T *from, long from_stride, T *to, long to_stride) {
    constexpr int lanes = Simd<T>::lanes;
    if (rows >= lanes && columns >= lanes) {
        cover(columns, lanes, [&](int j) {
            cover(rows, lanes, [&](int i) {
                turn(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
            });
        });
        return;
    }
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}

// Strides in elements; how many frames a batch has.
struct Frames {
    long batch, channel, frame, bin;
    int count;

    template <typename T>
    void load(const T *tensor, long i, int bins, int channels, T *to, int stride) const {
        tensor += at(i);
        if (channel == 1)
            copy_rows(bins, channels, tensor, bin, to, stride);
        else if (bin == 1)
            turn_rows(channels, bins, tensor, channel, to, stride);
        else
            for (int c = 0; c < channels; ++c)
                for (int f = 0; f < bins; ++f) to[f * stride + c] = tensor[c * channel + f * bin];
    }

    template <typename T>
    void store(const T *from, int stride, int bins, int channels, T *tensor, long i) const {
        tensor += at(i);
        if (channel == 1)
            copy_rows(bins, channels, from, stride, tensor, bin);
        else if (bin == 1)
            turn_rows(bins, channels, from, stride, tensor, channel);
        else
            for (int c = 0; c < channels; ++c)
                for (int f = 0; f < bins; ++f) tensor[c * channel + f * bin] = from[f * stride + c];
    }

  private:
    long at(long i) const { return i / count * batch + i % count * frame; }
};

}  // namespace lipstream
