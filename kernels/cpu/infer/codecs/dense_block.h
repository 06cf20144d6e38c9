// The dense block of one frame (models/codecs/dense_block.py) with separable convolutions (models/codecs/dense.py): each of
// its layers sees the outputs of all before it and the input, twice as far back as the layer before.
//
// Convolutions need no bias here: the norm behind them takes it away.

#pragma once

#include <algorithm>
#include <cmath>

#include "../product.h"
#include "../sizes.h"

namespace lipstream {

constexpr int kDepth = 4, kStack = kDepth * kChannels, kInput = kStack - kChannels;  // newest first, the input last
constexpr int kSlots = (1 << kDepth) + 1;  // frames that the last layer looks back over, and this one
constexpr float kFrameEps = 1e-5f;

// Channels along frequency with zeros on both sides: those behind a row stand before the next one, too.
template <int kRows, int kCount>
struct Grid {
    static constexpr int stride = whole(kCount + 1);
    alignas(64) float data[kLanes + kRows * stride + kLanes];
    float *operator[](int row) { return data + kLanes + row * stride; }
    const float *operator[](int row) const { return data + kLanes + row * stride; }
};

// FrameNorm and the PReLU behind it.
template <int kRows>
struct Norm {
    float weight[kRows], bias[kRows], slope[kRows];

    void read(Reader &reader) {
        for (float *each : {weight, bias, slope}) reader(each, kRows);
    }

    // Of rows in place; zeros fill up their last vector.
    template <int kCount>
    void apply(Target rows) const {
        constexpr int lanes = whole(kCount);
        for (int c = 0; c < kRows; ++c) {
            float *x = rows.data + c * rows.stride, sum = 0, power = 0;
            for (int f = 0; f < lanes; ++f) sum += f < kCount ? x[f] : 0.0f;
            const float mean = sum / kCount;
            for (int f = 0; f < lanes; ++f) {
                const float off = f < kCount ? x[f] - mean : 0.0f;
                power += off * off;
            }
            const float scale = weight[c] / std::sqrt(power / kCount + kFrameEps), shift = bias[c], below = slope[c];
            for (int f = 0; f < lanes; ++f) {
                const float v = (x[f] - mean) * scale + shift;
                x[f] = f < kCount ? std::max(v, 0.0f) + below * std::min(v, 0.0f) : 0.0f;
            }
        }
    }
};

struct DenseWeights {
    float depthwise[kDepth][kStack][3][3];  // [layer][channel][time, oldest first][frequency]
    Padded<kChannels, kStack> pointwise[kDepth];
    Norm<kChannels> norm[kDepth];

    void read(Reader &reader) {
        for (int k = 0; k < kDepth; ++k) {
            const int inputs = (k + 1) * kChannels;
            reader(depthwise[k][0][0], 9 * inputs);
            reader(pointwise[k], kChannels, inputs);
            norm[k].read(reader);
        }
    }
};

// A ring of frames, each the stack that the last layer sees.
template <int kCount>
struct DenseState {
    Grid<kStack, kCount> frames[kSlots];
    int at;

    Grid<kStack, kCount> &ago(int count) { return frames[(at + kSlots - count) % kSlots]; }

    // A new frame, whose rows from kInput on are for the input.
    Grid<kStack, kCount> &next() {
        at = (at + 1) % kSlots;
        return frames[at];
    }
};

template <int kCount>
class DenseBlock {
  public:
    // The newest frame -> the output of the last layer.
    template <int kLayer = 0>
    void step(const DenseWeights &w, DenseState<kCount> &state, Grid<kChannels, kCount> &out) {
        constexpr int inputs = (kLayer + 1) * kChannels, first = kStack - inputs, dilation = 1 << kLayer;
        constexpr bool last = kLayer + 1 == kDepth;
        const float *frames[] = {state.ago(2 * dilation)[first], state.ago(dilation)[first], state.ago(0)[first]};
        for (int c = 0; c < inputs; ++c) convolve(w.depthwise[kLayer][c], frames, c);
        float *to = last ? out[0] : state.ago(0)[last ? 0 : first - kChannels];
        product<kChannels, kCount, inputs>({w.pointwise[kLayer][0], w.pointwise[kLayer].stride},
                                           {mixed_[0], mixed_.stride}, {to, out.stride});
        w.norm[kLayer].template apply<kCount>({to, out.stride});
        if constexpr (!last) step<kLayer + 1>(w, state, out);
    }

  private:
    void convolve(const float (&taps)[3][3], const float *const (&frames)[3], int channel) {
        for (int j = 0; j < kCount; j += kLanes) {
            Vector sum{};
            for (int t = 0; t < 3; ++t)
                for (int k = 0; k < 3; ++k)
                    sum += taps[t][k] * load(frames[t] + channel * Grid<1, kCount>::stride + j + k - 1);
            store(mixed_[channel] + j, sum);
        }
    }

    Padded<kStack, kCount> mixed_{};
};

}  // namespace lipstream
