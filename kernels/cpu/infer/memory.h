// The memory before the mixers of a block (models/layers/memory.py): all positions make one row, a causal mixer follows
// it through time, and each position hears back from it.

#pragma once

#include "axes.h"

namespace lipstream {

#ifdef LIPSTREAM_MEMORY

// Numbers that a position says and hears, and channels of the row.
constexpr int kMemoryFeatures = LIPSTREAM_MEMORY_FEATURES, kMemoryChannels = LIPSTREAM_MEMORY_CHANNELS;
constexpr int kSaid = kBands * kMemoryFeatures;
using MemoryShape = MixerShape<1, kMemoryChannels, LIPSTREAM_MEMORY>;
using MemoryState = CausalState<MemoryShape>;

// The norm's weight is folded into `squeeze`, the bias of `squeeze` into that of `enter`.
struct MemoryWeights {
    Padded<kChannels, kMemoryFeatures> squeeze;
    Padded<kSaid, kMemoryChannels> enter;
    Padded<1, kMemoryChannels> enter_bias;
    MixerWeights<MemoryShape> mixer;
    Padded<MemoryShape::inner, kMemoryChannels> out;
    Padded<kMemoryChannels, kSaid> leave;
    Padded<1, kSaid> leave_bias;
    Padded<kMemoryFeatures, kChannels> widen;
    Padded<1, kChannels> widen_bias;

    void read(Reader &reader) {
        reader(squeeze);
        reader(enter);
        reader(enter_bias);
        mixer.read(reader);
        reader(out);
        reader(leave);
        reader(leave_bias);
        reader(widen);
        reader(widen_bias);
    }
};

class Memory {
    using S = MemoryShape;

  public:
    // Adds to the bands of each stream what they hear. In a product of one row, reading the weights takes longer than
    // the arithmetic: the streams share the reading.
    void step(const MemoryWeights &w, BandRows *bands, MemoryState *const *states, int streams) {
        for (int i = 0; i < streams; ++i) say(w, bands[i], i);
        product<1, kMemoryChannels, kSaid, 1, true>({said_[0], said_.stride}, {w.enter[0], w.enter.stride},
                                                    {rows_[0], rows_.stride}, streams);
        mixer_.step(w.mixer, rows_, states, streams);
        product<1, kMemoryChannels, S::inner, 1, true>({rows_[0] + S::gated_at, rows_.stride},
                                                       {w.out[0], w.out.stride}, {rows_[0], rows_.stride}, streams);
        product<1, kSaid, kMemoryChannels>({rows_[0], rows_.stride}, {w.leave[0], w.leave.stride},
                                           {heard_[0], heard_.stride}, streams);
        for (int i = 0; i < streams; ++i) hear(w, bands[i], i);
    }

  private:
    // The norm is one factor a position, so that it may come after the product.
    void say(const MemoryWeights &w, const BandRows &bands, int stream) {
        product<kBands, kMemoryFeatures, kChannels>({bands[0], bands.stride}, {w.squeeze[0], w.squeeze.stride},
                                                    {squeezed_[0], squeezed_.stride});
        for (int p = 0; p < kBands; ++p) {
            const float scale = inverse_rms(bands[p], kChannels, kNormEps);
            for (int i = 0; i < kMemoryFeatures; ++i) said_[stream][p * kMemoryFeatures + i] = squeezed_[p][i] * scale;
        }
        for (int c = 0; c < kMemoryChannels; ++c) rows_[stream][c] = w.enter_bias[0][c];
    }

    void hear(const MemoryWeights &w, BandRows &bands, int stream) {
        float *heard = heard_[stream];
        for (int i = 0; i < whole(kSaid); ++i) {
            const float v = heard[i] + w.leave_bias[0][i];
            heard[i] = v * sigmoid(v);
        }
        for (int p = 0; p < kBands; ++p)
            for (int c = 0; c < kChannels; ++c) bands[p][c] += w.widen_bias[0][c];
        product<kBands, kChannels, kMemoryFeatures, 1, true>({heard, kMemoryFeatures}, {w.widen[0], w.widen.stride},
                                                             {bands[0], bands.stride});
    }

    CausalMixer<S, kGroup> mixer_;
    Padded<kBands, kMemoryFeatures> squeezed_{};
    Padded<kGroup, S::row> rows_{};  // gated values behind them
    Padded<kGroup, kSaid> said_{}, heard_{};
};

#else  // a model without one

struct MemoryWeights {
    void read(Reader &) {}
};

struct MemoryState {};

struct Memory {
    void step(const MemoryWeights &, BandRows *, MemoryState *const *, int) {}
};

#endif

}  // namespace lipstream
