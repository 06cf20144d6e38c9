// How the lips join the audio (models/fusion.py): bands += alpha * gate * visual.
//
// What depends on the embedding alone is kept until another one comes; without fresh video only alpha moves on.

#pragma once

#include <algorithm>
#include <cstring>

#include "elementwise.h"
#include "step_product.h"
#include "step_sizes.h"

namespace lipstream {

// Seconds that a video frame is as good as new, and that it is worth anything.
constexpr float kFreshAge = 0.12f, kStaleAge = 0.5f;

struct FusionWeights {
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

class Fusion {
  public:
    explicit Fusion(const FusionWeights &weights) : w_(weights) {}

    // Adds to the bands, rows of kChannels each `stride`; smoothed is the state of the VCE. -> alpha
    float fuse(const float *embedding, float age_s, float &smoothed, float *bands, int stride) {
        if (!known_ || std::memcmp(embedding, embedding_, sizeof embedding_) != 0) look(embedding);
        smoothed += (confidence_ > smoothed ? w_.rise : w_.fall) * (confidence_ - smoothed);
        const float fresh = std::clamp((kStaleAge - age_s) / (kStaleAge - kFreshAge), 0.0f, 1.0f);
        const float alpha = smoothed * fresh;
        if (alpha == 0.0f) return alpha;
        for (int p = 0; p < kBands; ++p) {
            float *band = bands + p * stride, logit = gate_logit_ + w_.prior[p];
            for (int c = 0; c < kChannels; ++c) logit += band[c] * w_.gate_audio[0][c];
            const float weight = alpha * sigmoid(logit);
            for (int c = 0; c < kChannels; ++c) band[c] += weight * visual_[0][c];
        }
        return alpha;
    }

  private:
    // Confidence, visual features and their part of the gate, of one embedding.
    void look(const float *embedding) {
        std::memcpy(embedding_, embedding, sizeof embedding_);
        known_ = true;
        product<1, kHidden, kEmbedding>({embedding}, {w_.hidden[0], hidden_.stride}, {hidden_[0]});
        float logit = w_.confidence_bias;
        for (int i = 0; i < kHidden; ++i) {
            const float v = hidden_[0][i] + w_.hidden_bias[0][i];
            logit += v * sigmoid(v) * w_.confidence[0][i];
        }
        confidence_ = sigmoid(logit);
        product<1, kChannels, kEmbedding>({embedding}, {w_.projection[0], visual_.stride}, {visual_[0]});
        gate_logit_ = w_.gate_bias;
        for (int c = 0; c < kChannels; ++c) {
            visual_[0][c] += w_.projection_bias[0][c];
            gate_logit_ += visual_[0][c] * w_.gate_visual[0][c];
        }
    }

    const FusionWeights &w_;
    bool known_ = false;
    float embedding_[kEmbedding], confidence_ = 0.0f, gate_logit_ = 0.0f;
    Padded<1, kHidden> hidden_{};
    Padded<1, kChannels> visual_{};
};

}  // namespace lipstream
