// Frames of tensors [B, C, T, F] with any strides, in and out of rows with the channels of a bin side by side.

#pragma once

#include "transpose.h"

namespace lipstream {

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
