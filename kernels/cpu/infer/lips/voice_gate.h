// What lips may take away from the audio-only output (models/lips/voice_gate.py): enhanced *= 1 - alpha * closing.

#pragma once

#include <algorithm>
#include <cstring>

#include "trust.h"

namespace lipstream {

constexpr int kGateChannels = LIPSTREAM_GATE_CHANNELS, kGateLayers = LIPSTREAM_GATE_LAYERS;
constexpr int kSqueezed = LIPSTREAM_GATE_SQUEEZED, kGateHidden = LIPSTREAM_GATE_HIDDEN;
constexpr int kGateBands = LIPSTREAM_GATE_BANDS, kGateNumbers = kGateBands * kGateChannels;

struct LipsWeights {
    TrustWeights trust;
    Padded<kBins, kGateBands> gather;
    Padded<kGateBands, kBins> spread;
    float hear[2][kGateChannels];
    float position[kGateBands][kGateChannels];  // with the bias of `hear`
    DenseWeights<kEmbedding, kGateNumbers> see;
    float admit[2][kGateChannels], admit_bias;
    DenseWeights<kGateNumbers, kSqueezed> squeeze;
    RecurrentWeights<kSqueezed, kGateHidden> first;
    RecurrentWeights<kGateHidden, kGateHidden> others[kGateLayers > 1 ? kGateLayers - 1 : 1];
    DenseWeights<kGateHidden, kGateBands> leave;

    void read(Reader &reader) {
        trust.read(reader);
        reader(gather);
        reader(spread);
        reader(hear[0], 2 * kGateChannels);
        reader(position[0], kGateNumbers);
        see.read(reader);
        reader(admit[0], 2 * kGateChannels);
        reader(&admit_bias, 1);
        squeeze.read(reader);
        first.read(reader);
        for (int layer = 1; layer < kGateLayers; ++layer) others[layer - 1].read(reader);
        leave.read(reader);
    }
};

struct LipsState {
    TrustState trust;
    float rows[kGateLayers][kGateHidden];
};

// Nothing is kept of a cue.
struct Look {};

class Lips {
  public:
    explicit Lips(const LipsWeights &weights) : w_(weights) {}

    // The network for sound gets nothing of the lips.
    float join(const float *, float, Look &, LipsState &, float *, int) { return 0.0f; }

    // Multiplies the audio-only output by the gate. -> alpha
    float take_away(const Spectrum &noisy, float gain, const float *cue, float age_s, LipsState &state,
                    Spectrum &enhanced) {
        const float fresh = freshness(age_s);
        if (fresh == 0.0f) {  // a gap stops the memory, and a long one clears it
            if (age_s >= kGoneAge) std::memset(&state, 0, sizeof state);
            return 0.0f;
        }
        power(noisy, gain, powers_[0]);
        power(enhanced, gain, powers_[1]);
        const float alpha = trust_.step(w_.trust, powers_, cue, fresh, state.trust);
        fuse(cue, alpha);
        const float *row = squeezed_[0];
        for (int layer = 0; layer < kGateLayers; ++layer) {
            if (layer == 0) unit_.step(w_.first, row, state.rows[0]);
            else unit_.step(w_.others[layer - 1], row, state.rows[layer]);
            row = state.rows[layer];
        }
        dense(w_.leave, row, closing_);
        for (int p = 0; p < kGateBands; ++p) closing_[0][p] = sigmoid(closing_[0][p]);
        product<1, kBins, kGateBands>({closing_[0]}, {w_.spread[0], w_.spread.stride}, {spread_[0], spread_.stride});
        for (int f = 0; f < kBins; ++f) {
            const float opening = 1.0f - alpha * std::clamp(spread_[0][f], 0.0f, 1.0f);
            enhanced.real[f] *= opening;
            enhanced.imag[f] *= opening;
        }
        return alpha;
    }

  private:
    static constexpr float kSilent = 1e-5f, kLoudest = 1e5f;  // power of a band

    const LipsWeights &w_;
    Trust trust_;
    Recurrent<kGateHidden> unit_;
    alignas(64) float powers_[2][kBinLanes] = {};
    Padded<2, kGateBands> bands_{};
    Padded<1, kGateNumbers> seen_{}, fused_{};
    Padded<1, kSqueezed> squeezed_{};
    Padded<1, kGateBands> closing_{};
    Padded<1, kBins> spread_{};

    static void power(const Spectrum &spectrum, float gain, float *to) {
        for (int f = 0; f < kBins; ++f)
            to[f] = (spectrum.real[f] * spectrum.real[f] + spectrum.imag[f] * spectrum.imag[f]) * (gain * gain);
    }

    void fuse(const float *cue, float alpha) {
        for (int sound = 0; sound < 2; ++sound) {
            product<1, kGateBands, kBins>({powers_[sound]}, {w_.gather[0], w_.gather.stride},
                                          {bands_[sound], bands_.stride});
            for (int p = 0; p < kGateBands; ++p)
                bands_[sound][p] = common_logarithm(std::min(bands_[sound][p], kLoudest) + kSilent);
        }
        dense(w_.see, cue, seen_);
        for (int p = 0; p < kGateBands; ++p) {
            const float *seen = seen_[0] + p * kGateChannels;
            float heard[kGateChannels], logit = w_.admit_bias;
            for (int c = 0; c < kGateChannels; ++c) {
                heard[c] = w_.position[p][c] + w_.hear[0][c] * bands_[0][p] + w_.hear[1][c] * bands_[1][p];
                logit += w_.admit[0][c] * heard[c] + w_.admit[1][c] * seen[c];
            }
            const float weight = alpha * sigmoid(logit);
            for (int c = 0; c < kGateChannels; ++c) {
                const float v = heard[c] + weight * seen[c];
                fused_[0][p * kGateChannels + c] = v * sigmoid(v);
            }
        }
        dense(w_.squeeze, fused_[0], squeezed_);
        for (int i = 0; i < kSqueezed; ++i) squeezed_[0][i] *= sigmoid(squeezed_[0][i]);
    }
};

}  // namespace lipstream
