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
    CodecState codec;
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
        codec_.encode(spectrum_, level(state), state.codec, rows_[0], rows_.stride);
        const float alpha = fusion_.fuse(embedding, age_s, stream.look, state.smoothed, rows_[0], rows_.stride);
        for (int k = 0; k < kBlocks; ++k) {
            time_.step(weights_.time[k], rows_, state.blocks[k], next_);
            frequency_.step(weights_.frequency[k], next_, rows_);
        }
        codec_.decode(rows_[0], rows_.stride, spectrum_, state.codec, enhanced_);
        mix(dry);
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

    // The dry share of the noisy spectrum comes back.
    void mix(float dry) {
        for (int f = 0; f < kBins; ++f) {
            enhanced_.real[f] += dry * (spectrum_.real[f] - enhanced_.real[f]);
            enhanced_.imag[f] += dry * (spectrum_.imag[f] - enhanced_.imag[f]);
        }
    }
};

}  // namespace lipstream
