// One hop of a stream, wave to wave, without allocation: weights and workspace serve any number of streams in turn.
// The models in models/wave.py and models/lite_avse.py are the oracle.

#pragma once

#include <cmath>
#include <cstring>

#include "step_codec.h"
#include "step_frequency.h"
#include "step_fusion.h"
#include "step_stft.h"
#include "step_time.h"

namespace lipstream {

struct Weights {
    float level_decay, level_floor;
    CodecWeights codec;
    FusionWeights fusion;
    MixerWeights<TimeShape> time[kBlocks];
    MixerWeights<FrequencyShape> frequency[kBlocks];

    void read(Reader &reader) {
        for (float *number : {&level_decay, &level_floor}) reader(number, 1);
        codec.read(reader);
        fusion.read(reader);
        for (int k = 0; k < kBlocks; ++k) {
            time[k].read(reader);
            frequency[k].read(reader);
        }
    }
};

// All that a stream carries from hop to hop; zero is the start.
struct State {
    TimeState blocks[kBlocks];
    float history[kHistory], overlap[kHistory];
    float past[kTaps - 1][2][kBins];  // newest first
    float power, frames, smoothed;    // sums of models/level.py; alpha of the VCE
};

struct Stream {
    alignas(64) State state;
    Look look;

    void reset() { std::memset(&state, 0, sizeof state); }
};

// The workspace of one thread.
class Step {
  public:
    explicit Step(const Weights &weights) : weights_(weights), codec_(weights.codec), fusion_(weights.fusion) {}

    // -> alpha
    float operator()(Stream &stream, const float *hop, const float *embedding, float age_s, float dry, float *out) {
        State &state = stream.state;
        stft_.analyse(hop, state.history, spectrum_);
        codec_.encode(spectrum_, level(state), rows_[0], rows_.stride);
        const float alpha = fusion_.fuse(embedding, age_s, stream.look, state.smoothed, rows_[0], rows_.stride);
        for (int k = 0; k < kBlocks; ++k) {
            time_.step(weights_.time[k], rows_, state.blocks[k], next_);
            frequency_.step(weights_.frequency[k], next_, rows_);
        }
        filter(codec_.decode(rows_[0], rows_.stride), state, dry);
        stft_.synthesise(enhanced_, state.overlap, out);
        return alpha;
    }

  private:
    const Weights &weights_;
    Stft stft_;
    Codec codec_;
    Fusion fusion_;
    TimeMixer time_;
    FrequencyMixer frequency_;
    Spectrum spectrum_{}, enhanced_{};
    Rows rows_{}, next_{};

    // The gain that brings the running level to 1 (models/level.py).
    float level(State &state) const {
        float power = 0;
        for (int f = 0; f < kBinLanes; ++f)
            power += spectrum_.real[f] * spectrum_.real[f] + spectrum_.imag[f] * spectrum_.imag[f];
        state.power = weights_.level_decay * state.power + power / kBins;
        state.frames = weights_.level_decay * state.frames + 1.0f;
        return 1.0f / std::sqrt(state.power / state.frames + weights_.level_floor);
    }

    // Each bin by its filter over this frame and the past ones, and the dry share of the noisy one.
    void filter(const Channels<2 * kTaps> &taps, State &state, float dry) {
        for (int f = 0; f < kBins; ++f) {
            float real = 0, imag = 0;
            for (int k = 0; k < kTaps; ++k) {
                const float re = k > 0 ? state.past[k - 1][0][f] : spectrum_.real[f];
                const float im = k > 0 ? state.past[k - 1][1][f] : spectrum_.imag[f];
                real += taps[2 * k][f] * re - taps[2 * k + 1][f] * im;
                imag += taps[2 * k][f] * im + taps[2 * k + 1][f] * re;
            }
            enhanced_.real[f] = real + dry * (spectrum_.real[f] - real);
            enhanced_.imag[f] = imag + dry * (spectrum_.imag[f] - imag);
        }
        if constexpr (kTaps > 2) std::memmove(state.past[1], state.past[0], sizeof(state.past[0]) * (kTaps - 2));
        if constexpr (kTaps > 1) {
            std::memcpy(state.past[0][0], spectrum_.real, sizeof(float) * kBins);
            std::memcpy(state.past[0][1], spectrum_.imag, sizeof(float) * kBins);
        }
    }
};

}  // namespace lipstream
