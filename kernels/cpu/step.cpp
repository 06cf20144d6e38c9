// One hop of a stream, wave to wave, on one thread and without allocation. kernels/cpu_step.py calls it; the models in
// models/wave.py and models/lite_avse.py are the oracle.

#include <cmath>
#include <cstring>
#include <new>

#include "step_codec.h"
#include "step_frequency.h"
#include "step_fusion.h"
#include "step_stft.h"
#include "step_time.h"

namespace lipstream {
namespace {

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

class Stream {
  public:
    explicit Stream(Reader &reader) : codec_(weights_.codec), fusion_(weights_.fusion) { weights_.read(reader); }

    void reset() { std::memset(&state_, 0, sizeof state_); }

    // -> alpha
    float step(const float *hop, const float *embedding, float age_s, float dry, float *out) {
        stft_.analyse(hop, state_.history, spectrum_);
        codec_.encode(spectrum_, level(), rows_[0], rows_.stride);
        const float alpha = fusion_.fuse(embedding, age_s, state_.smoothed, rows_[0], rows_.stride);
        for (int k = 0; k < kBlocks; ++k) {
            time_.step(weights_.time[k], rows_, state_.blocks[k], next_);
            frequency_.step(weights_.frequency[k], next_, rows_);
        }
        filter(codec_.decode(rows_[0], rows_.stride), dry);
        stft_.synthesise(enhanced_, state_.overlap, out);
        return alpha;
    }

  private:
    Weights weights_{};
    alignas(64) State state_{};
    Stft stft_;
    Codec codec_;
    Fusion fusion_;
    TimeMixer time_;
    FrequencyMixer frequency_;
    Spectrum spectrum_{}, enhanced_{};
    Rows rows_{}, next_{};

    // The gain that brings the running level to 1 (models/level.py).
    float level() {
        float power = 0;
        for (int f = 0; f < kBinLanes; ++f)
            power += spectrum_.real[f] * spectrum_.real[f] + spectrum_.imag[f] * spectrum_.imag[f];
        state_.power = weights_.level_decay * state_.power + power / kBins;
        state_.frames = weights_.level_decay * state_.frames + 1.0f;
        return 1.0f / std::sqrt(state_.power / state_.frames + weights_.level_floor);
    }

    // Each bin by its filter over this frame and the past ones, and the dry share of the noisy one.
    void filter(const Channels<2 * kTaps> &taps, float dry) {
        for (int f = 0; f < kBins; ++f) {
            float real = 0, imag = 0;
            for (int k = 0; k < kTaps; ++k) {
                const float re = k > 0 ? state_.past[k - 1][0][f] : spectrum_.real[f];
                const float im = k > 0 ? state_.past[k - 1][1][f] : spectrum_.imag[f];
                real += taps[2 * k][f] * re - taps[2 * k + 1][f] * im;
                imag += taps[2 * k][f] * im + taps[2 * k + 1][f] * re;
            }
            enhanced_.real[f] = real + dry * (spectrum_.real[f] - real);
            enhanced_.imag[f] = imag + dry * (spectrum_.imag[f] - imag);
        }
        if constexpr (kTaps > 2) std::memmove(state_.past[1], state_.past[0], sizeof(state_.past[0]) * (kTaps - 2));
        if constexpr (kTaps > 1) {
            std::memcpy(state_.past[0][0], spectrum_.real, sizeof(float) * kBins);
            std::memcpy(state_.past[0][1], spectrum_.imag, sizeof(float) * kBins);
        }
    }
};

}  // namespace
}  // namespace lipstream

#define EXPORT extern "C" __attribute__((visibility("default")))

// A stream at its start; null where the number of packed weights does not fit the sizes, or there is no memory.
EXPORT void *step_create(const float *weights, long count) {
    lipstream::Reader reader(weights, count);
    auto *stream = new (std::nothrow) lipstream::Stream(reader);
    if (reader.fits()) return stream;
    delete stream;
    return nullptr;
}

EXPORT long step_state_bytes() { return sizeof(lipstream::State); }

EXPORT void step_destroy(void *stream) { delete static_cast<lipstream::Stream *>(stream); }

EXPORT void step_reset(void *stream) { static_cast<lipstream::Stream *>(stream)->reset(); }

EXPORT float step_hop(void *stream, const float *hop, const float *embedding, float age_s, float dry, float *out) {
    return static_cast<lipstream::Stream *>(stream)->step(hop, embedding, age_s, dry, out);
}
