// How the lips join the audio (models/lips/fusion.py): bands += alpha * gate * visual.
//
// What depends on the embedding alone is kept until another one comes; without fresh video only alpha moves on.

#pragma once

#include <algorithm>
#include <cstring>

#include "../../common/math.h"
#include "../product.h"
#include "../sizes.h"
#include "../stft.h"

namespace lipstream {

// Seconds that a video frame is as good as new, and that it is worth anything.
constexpr float kFreshAge = 0.12f, kStaleAge = 0.5f;

struct LipsWeights {
    Padded<kEmbedding, kHidden> hidden;
    Padded<1, kHidden> hidden_bias, confidence;
    float confidence_bias, rise, fall;
    Padded<kEmbedding, kChannels> projection;
    Padded<1, kChannels> projection_bias, gate_audio, gate_visual;
    float gate_bias;
    float prior[kBands];

    void read(Reader &reader) {
        reader(hidden);
        reader(hidden_bias);
        reader(confidence);
        for (float *number : {&confidence_bias, &rise, &fall}) reader(number, 1);
        reader(projection);
        reader(projection_bias);
        reader(gate_audio);
        reader(gate_visual);
        reader(&gate_bias, 1);
        reader(prior, kBands);
    }
};

// Alpha of the VCE.
struct LipsState {
    float smoothed;
};

// An embedding, and what depends on it alone: confidence, visual features and their part of the gate.
struct Look {
    bool known;
    float embedding[kEmbedding], confidence, gate_logit;
    Padded<1, kChannels> visual;
};

class Lips {
  public:
    explicit Lips(const LipsWeights &weights) : w_(weights) {}

    // Adds to the bands, rows of kChannels each `stride`. -> alpha
    float join(const float *embedding, float age_s, Look &look, LipsState &state, float *bands, int stride) {
        float &smoothed = state.smoothed;
        if (!look.known || std::memcmp(embedding, look.embedding, sizeof look.embedding) != 0) see(embedding, look);
        smoothed += (look.confidence > smoothed ? w_.rise : w_.fall) * (look.confidence - smoothed);
        const float fresh = std::clamp((kStaleAge - age_s) / (kStaleAge - kFreshAge), 0.0f, 1.0f);
        const float alpha = smoothed * fresh;
        if (alpha == 0.0f) return alpha;
        for (int p = 0; p < kBands; ++p) {
            float *band = bands + p * stride, logit = look.gate_logit + w_.prior[p];
            for (int c = 0; c < kChannels; ++c) logit += band[c] * w_.gate_audio[0][c];
            const float weight = alpha * sigmoid(logit);
            for (int c = 0; c < kChannels; ++c) band[c] += weight * look.visual[0][c];
        }
        return alpha;
    }

    // Nothing is taken away behind the network.
    float take_away(const Spectrum &, float, const float *, float, LipsState &, Spectrum &) { return 0.0f; }

  private:
    void see(const float *embedding, Look &look) {
        std::memcpy(look.embedding, embedding, sizeof look.embedding);
        look.known = true;
        product<1, kHidden, kEmbedding>({embedding}, {w_.hidden[0], hidden_.stride}, {hidden_[0]});
        float logit = w_.confidence_bias;
        for (int i = 0; i < kHidden; ++i) {
            const float v = hidden_[0][i] + w_.hidden_bias[0][i];
            logit += v * sigmoid(v) * w_.confidence[0][i];
        }
        look.confidence = sigmoid(logit);
        Padded<1, kChannels> &visual = look.visual;
        product<1, kChannels, kEmbedding>({embedding}, {w_.projection[0], visual.stride}, {visual[0]});
        look.gate_logit = w_.gate_bias;
        for (int c = 0; c < kChannels; ++c) {
            visual[0][c] += w_.projection_bias[0][c];
            look.gate_logit += visual[0][c] * w_.gate_visual[0][c];
        }
    }

    const LipsWeights &w_;
    Padded<1, kHidden> hidden_{};
};

}  // namespace lipstream
