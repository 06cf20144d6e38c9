// What all mixers share (models/layers/mamba2.py): norm, projection, step sizes and gate; and the way from those of a
// block to the next layer.
//
// A position is a row [channels, gated values]: one product with both leads to the next layer, because
//     x + linear(x + out(g)) = (I + linear) x + (linear out) g + bias,
// and the weights of the two norms are folded into the products after them (models/store/step/weights.py).

#pragma once

#include <algorithm>
#include <cmath>

#include "../common/math.h"
#include "product.h"
#include "sizes.h"

namespace lipstream {

constexpr float kNormEps = 1e-5f;

template <int kRows, int kWidth, int kInner, int kStates, int kHeads, int kTaps>
struct MixerShape {
    static constexpr int rows = kRows, channels = kWidth;
    static constexpr int inner = kInner, states = kStates, heads = kHeads, taps = kTaps;
    static constexpr int head_size = kInner / kHeads, mixed = kInner + 2 * kStates;
    static constexpr int gated_at = whole(kWidth), row = gated_at + kInner;
    // Columns of the input projection: gate first, then what goes through the convolution, then step sizes.
    static constexpr int mixed_at = whole(kInner), dt_at = mixed_at + whole(mixed), projected = dt_at + whole(kHeads);
};

using TimeShape = MixerShape<kBands, kChannels, LIPSTREAM_TIME>;
using FrequencyShape = MixerShape<kBands, kChannels, LIPSTREAM_FREQUENCY>;

// The bands of a frame, and behind them room for the gated values of either mixer of a block.
using BandRows = Padded<kBands, std::max(TimeShape::row, FrequencyShape::row)>;

template <typename S>
struct MixerWeights {
    Padded<S::channels, S::projected> in;
    Padded<S::taps, S::mixed> conv;
    Padded<1, S::mixed> conv_bias;
    float dt_bias[S::heads], decay[S::heads], skip[S::heads];  // decay: A, negative; skip: D

    void read(Reader &reader) {
        reader(in, S::channels, S::inner);
        reader(in, S::channels, S::mixed, 0, S::mixed_at);
        reader(in, S::channels, S::heads, 0, S::dt_at);
        reader(conv);
        reader(conv_bias);
        for (float *each : {dt_bias, decay, skip}) reader(each, S::heads);
    }
};

// A mixer of a block, and the product that leads from it to the next layer.
template <typename S>
struct LayerWeights {
    MixerWeights<S> mixer;
    Padded<S::row, S::channels> out;
    Padded<1, S::channels> bias;

    void read(Reader &reader) {
        mixer.read(reader);
        reader(out, S::channels);
        reader(out, S::inner, S::channels, S::gated_at);
        reader(bias);
    }
};

// Rows with their gated values -> the rows of the next layer.
template <typename S, typename Rows>
inline void leave(const LayerWeights<S> &w, const Rows &rows, Rows &next) {
    for (int p = 0; p < S::rows; ++p)
        for (int c = 0; c < S::gated_at; ++c) next[p][c] = w.bias[0][c];
    product<S::rows, S::channels, S::row, 1, true>({rows[0], rows.stride}, {w.out[0], w.out.stride},
                                                   {next[0], next.stride});
}

// Of one frame, or of one from each of up to kFrames streams, whose rows lie one below the other.
template <typename S, int kFrames = 1>
class Mixer {
  protected:
    static constexpr int kRows = kFrames * S::rows;
    Padded<kRows, S::channels> normed_{};
    Padded<kRows, S::projected> projected_{};
    // [position][head]: step size, and what it keeps of the state.
    alignas(64) float dt_[whole(kRows * S::heads)] = {}, kept_[whole(kRows * S::heads)] = {};

    template <typename Rows>
    void project(const MixerWeights<S> &w, const Rows &rows, int frames = 1) {
        const int count = frames * S::rows;
        for (int p = 0; p < count; ++p) {
            const float scale = inverse_rms(rows[p], S::channels, kNormEps);
            for (int c = 0; c < S::channels; ++c) normed_[p][c] = rows[p][c] * scale;
        }
        product<S::rows, S::projected, S::channels>({normed_[0], normed_.stride}, {w.in[0], w.in.stride},
                                                    {projected_[0], projected_.stride}, frames);
        for (int p = 0; p < count; ++p)
            for (int h = 0; h < S::heads; ++h) {
                dt_[p * S::heads + h] = projected_[p][S::dt_at + h] + w.dt_bias[h];
                kept_[p * S::heads + h] = w.decay[h];
            }
        for (int i = 0; i < whole(count * S::heads); ++i) {
            const float softplus = logarithm_1p(exponential(std::min(dt_[i], 20.0f)));
            dt_[i] = dt_[i] < 20.0f ? softplus : dt_[i];
            kept_[i] = exponential(dt_[i] * kept_[i]);
        }
    }

    // y [inner] of a position, gated and normed, into its row.
    void gate(int p, const float *y, float *row) const {
        float *gated = row + S::gated_at;
        const float *z = projected_[p];
        for (int e = 0; e < S::inner; ++e) gated[e] = y[e] * z[e] * sigmoid(z[e]);
        const float scale = inverse_rms(gated, S::inner, kNormEps);
        for (int e = 0; e < S::inner; ++e) gated[e] *= scale;
    }
};

}  // namespace lipstream
