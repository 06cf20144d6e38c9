// What the mixers along time and along frequency share (models/mamba2.py): norm, projection, step sizes, gate, and the
// way to the next layer.
//
// A position is a row [bands, gated values]: one product with both leads to the next layer, because
//     x + linear(x + out(g)) = (I + linear) x + (linear out) g + bias,
// and the weights of the two norms are folded into the products after them (models/step_weights.py).

#pragma once

#include <algorithm>
#include <cmath>

#include "elementwise.h"
#include "step_math.h"
#include "step_product.h"
#include "step_sizes.h"

namespace lipstream {

constexpr float kNormEps = 1e-5f;

template <int kInner, int kStates, int kHeads, int kTaps>
struct MixerShape {
    static constexpr int inner = kInner, states = kStates, heads = kHeads, taps = kTaps;
    static constexpr int head_size = kInner / kHeads, mixed = kInner + 2 * kStates;
    // Columns of the input projection: gate first, then what goes through the convolution, then step sizes.
    static constexpr int mixed_at = whole(kInner), dt_at = mixed_at + whole(mixed), projected = dt_at + whole(kHeads);
};

using TimeShape = MixerShape<LIPSTREAM_TIME>;
using FrequencyShape = MixerShape<LIPSTREAM_FREQUENCY>;

// The bands of a frame, and behind them room for the gated values of either mixer.
using Rows = Padded<kBands, kChannelLanes + std::max(TimeShape::inner, FrequencyShape::inner)>;

template <typename S>
struct MixerWeights {
    Padded<kChannels, S::projected> in;
    Padded<S::taps, S::mixed> conv;
    Padded<1, S::mixed> conv_bias;
    float dt_bias[S::heads], decay[S::heads], skip[S::heads];  // decay: A, negative; skip: D
    Padded<kChannelLanes + S::inner, kChannels> out;
    Padded<1, kChannels> out_bias;

    void read(Reader &reader) {
        reader(in, kChannels, S::inner);
        reader(in, kChannels, S::mixed, 0, S::mixed_at);
        reader(in, kChannels, S::heads, 0, S::dt_at);
        reader(conv);
        reader(conv_bias);
        for (float *each : {dt_bias, decay, skip}) reader(each, S::heads);
        reader(out, kChannels);
        reader(out, S::inner, kChannels, kChannelLanes);
        reader(out_bias);
    }
};

template <typename S>
class Mixer {
  protected:
    Padded<kBands, kChannels> normed_{};
    Padded<kBands, S::projected> projected_{};
    // [position][head]: step size, and what it keeps of the state.
    alignas(64) float dt_[whole(kBands * S::heads)] = {}, kept_[whole(kBands * S::heads)] = {};

    void project(const MixerWeights<S> &w, const Rows &rows) {
        for (int p = 0; p < kBands; ++p) {
            const float scale = inverse_rms(rows[p], kChannels, kNormEps);
            for (int c = 0; c < kChannels; ++c) normed_[p][c] = rows[p][c] * scale;
        }
        product<kBands, S::projected, kChannels>({normed_[0], normed_.stride}, {w.in[0], w.in.stride},
                                                 {projected_[0], projected_.stride});
        for (int p = 0; p < kBands; ++p)
            for (int h = 0; h < S::heads; ++h) {
                dt_[p * S::heads + h] = projected_[p][S::dt_at + h] + w.dt_bias[h];
                kept_[p * S::heads + h] = w.decay[h];
            }
        for (int i = 0; i < whole(kBands * S::heads); ++i) {
            const float softplus = logarithm_1p(exponential(std::min(dt_[i], 20.0f)));
            dt_[i] = dt_[i] < 20.0f ? softplus : dt_[i];
            kept_[i] = exponential(dt_[i] * kept_[i]);
        }
    }

    // y [inner] of a position, gated and normed, into its row.
    void gate(int p, const float *y, Rows &rows) const {
        float *gated = rows[p] + kChannelLanes;
        const float *z = projected_[p];
        for (int e = 0; e < S::inner; ++e) gated[e] = y[e] * z[e] * sigmoid(z[e]);
        const float scale = inverse_rms(gated, S::inner, kNormEps);
        for (int e = 0; e < S::inner; ++e) gated[e] *= scale;
    }

    // The bands of the next layer.
    static void leave(const MixerWeights<S> &w, const Rows &rows, Rows &next) {
        for (int p = 0; p < kBands; ++p)
            for (int c = 0; c < kChannelLanes; ++c) next[p][c] = w.out_bias[0][c];
        product<kBands, kChannels, kChannelLanes + S::inner, 1, true>({rows[0], rows.stride}, {w.out[0], w.out.stride},
                                                                      {next[0], next.stride});
    }
};

}  // namespace lipstream
