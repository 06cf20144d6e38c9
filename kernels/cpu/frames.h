// Frames of tensors [B, C, T, F] with any strides, in and out of rows with the channels of a bin side by side.

#pragma once

#include <algorithm>

#ifdef __AVX512F__
#include "transpose.h"
#endif

namespace lipstream {

template <typename T>
inline void copy_rows(int rows, int columns, const T *from, long from_stride, T *to, long to_stride) {
    for (int i = 0; i < rows; ++i) std::copy_n(from + i * from_stride, columns, to + i * to_stride);
}

template <typename T>
inline void turn_rows(int rows, int columns, const T *from, long from_stride, T *to, long to_stride) {
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}

#ifdef __AVX512F__

inline __mmask16 lanes(int count) { return count < tiles::kTile ? (1 << count) - 1 : 0xffff; }

inline void copy_rows(int rows, int columns, const float *from, long from_stride, float *to, long to_stride) {
    for (int i = 0; i < rows; ++i, from += from_stride, to += to_stride)
        for (int j = 0; j < columns; j += tiles::kTile) {
            const __mmask16 mask = lanes(columns - j);
            _mm512_mask_storeu_ps(to + j, mask, _mm512_maskz_loadu_ps(mask, from + j));
        }
}

inline void turn_rows(int rows, int columns, const float *from, long from_stride, float *to, long to_stride) {
    for (int j = 0; j < columns; j += tiles::kTile)
        for (int i = 0; i < rows; i += tiles::kTile) {
            __m512i block[tiles::kTile];
            const __mmask16 across = lanes(columns - j), down = lanes(rows - i);
            for (int r = 0; r < tiles::kTile; ++r)
                block[r] = _mm512_maskz_loadu_epi32(i + r < rows ? across : 0, from + (i + r) * from_stride + j);
            tiles::transpose(block);
            for (int r = 0; r < std::min(columns - j, tiles::kTile); ++r)
                _mm512_mask_storeu_epi32(to + (j + r) * to_stride + i, down, block[r]);
        }
}

#endif

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
