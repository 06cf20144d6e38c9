// How much a cue can be trusted (models/lips/agreement.py): alpha of a frame.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../stft.h"
#include "recurrent.h"

namespace lipstream {

// Seconds that a video frame is as good as new, is worth anything, and is remembered (models/config.py).
constexpr float kFreshAge = 0.12f, kStaleAge = 0.5f, kGoneAge = 1.0f;

constexpr int kCueLevels = kEmbedding / 2;       // means of a cue; the rest are their log variances
constexpr int kSoundLevels = 2 * kCueLevels;     // of what is heard, then of the audio-only output
constexpr int kLags[] = LIPSTREAM_GATE_LAGS;
constexpr int kLagCount = sizeof(kLags) / sizeof(int), kTrust = LIPSTREAM_GATE_TRUST;
constexpr int kEvidence = kSoundLevels * kLagCount + kCueLevels + 1;  // numbers that the comparison gives
constexpr int kTrustInputs = kEvidence + kSoundLevels + kEmbedding + 1;

constexpr int most_lag() {
    int most = 0;
    for (int lag : kLags) most = lag > most ? lag : most;
    return most;
}

constexpr int kMostLag = most_lag();

inline float freshness(float age_s) {
    return std::clamp((kStaleAge - age_s) / (kStaleAge - kFreshAge), 0.0f, 1.0f);
}

struct TrustWeights {
    float fade, rise, fall;
    Padded<kBins, kCueLevels> bands;  // of bins in the levels of a cue
    DenseWeights<kTrustInputs, kTrust> enter;
    RecurrentWeights<kTrust, kTrust> row;
    float leave[kTrust], leave_bias;

    void read(Reader &reader) {
        for (float *number : {&fade, &rise, &fall}) reader(number, 1);
        reader(bands);
        enter.read(reader);
        row.read(reader);
        reader(leave, kTrust);
        reader(&leave_bias, 1);
    }
};

// Zero is the start. Moments are the means of cue, sound, their squares and their product, times the weight.
struct TrustState {
    float levels[kMostLag][kSoundLevels];  // of the last frames, oldest first
    float weight, moments[5][kLagCount][kSoundLevels];
    float row[kTrust], alpha;
};

class Trust {
  public:
    // powers: of what is heard and of the audio-only output, [2][bins]. -> alpha
    float step(const TrustWeights &w, const float (*powers)[kBinLanes], const float *cue, float fresh,
               TrustState &state) {
        level(w, powers);
        compare(w, cue, fresh, state);
        float *in = inputs_ + kEvidence;
        std::memcpy(in, levels_, sizeof levels_);
        for (int i = 0; i < kEmbedding; ++i) in[kSoundLevels + i] = cue[i] * fresh;
        in[kSoundLevels + kEmbedding] = fresh;
        dense(w.enter, inputs_, entered_);
        for (int i = 0; i < kTrust; ++i) entered_[0][i] *= sigmoid(entered_[0][i]);
        unit_.step(w.row, entered_[0], state.row);
        float logit = w.leave_bias;
        for (int i = 0; i < kTrust; ++i) logit += state.row[i] * w.leave[i];
        const float raw = sigmoid(logit), before = state.alpha;
        state.alpha = fresh * (before + (raw > before ? w.rise : w.fall) * (raw - before));
        return state.alpha;
    }

  private:
    static constexpr float kSilence = 1e-4f, kLoudest = 1e4f;            // powers
    static constexpr float kFarthest = 20.0f, kLeastVariance = 0.02f;    // of levels, in 10 dB
    static constexpr float kHalfFrames = 40.0f;

    float levels_[kSoundLevels], inputs_[kTrustInputs];
    Padded<1, kCueLevels> sums_{};
    Padded<1, kTrust> entered_{};
    Recurrent<kTrust> unit_;

    void level(const TrustWeights &w, const float (*powers)[kBinLanes]) {
        for (int sound = 0; sound < 2; ++sound) {
            product<1, kCueLevels, kBins>({powers[sound]}, {w.bands[0], w.bands.stride}, {sums_[0], sums_.stride});
            for (int i = 0; i < kCueLevels; ++i)
                levels_[sound * kCueLevels + i] = common_logarithm(std::min(sums_[0][i], kLoudest) + kSilence);
        }
    }

    // The first kEvidence inputs: correlations at each lag, how much the cue moves, how long it was compared.
    void compare(const TrustWeights &w, const float *cue, float fresh, TrustState &state) {
        const float keep = 1.0f - (1.0f - w.fade) * fresh;
        state.weight = keep * state.weight + fresh;
        const float scale = 1.0f / std::max(state.weight, 1e-3f);
        for (int k = 0; k < kLagCount; ++k) {
            const float *sound = kLags[k] == 0 ? levels_ : state.levels[kMostLag - kLags[k]];
            for (int i = 0; i < kSoundLevels; ++i) {
                const float c = std::clamp(cue[i % kCueLevels], -kFarthest, kFarthest), s = sound[i];
                const float now[] = {c, s, c * c, s * s, c * s};
                float mean[5];
                for (int m = 0; m < 5; ++m) {
                    float &moment = state.moments[m][k][i];
                    moment = keep * moment + fresh * now[m];
                    mean[m] = moment * scale;
                }
                const float moved = std::max(mean[2] - mean[0] * mean[0], 0.0f);
                const float varied = std::max(mean[3] - mean[1] * mean[1], 0.0f);
                const float spread = std::sqrt((moved + kLeastVariance) * (varied + kLeastVariance));
                inputs_[k * kSoundLevels + i] = std::clamp((mean[4] - mean[0] * mean[1]) / spread, -1.0f, 1.0f);
                if (k == 0 && i < kCueLevels) inputs_[kLagCount * kSoundLevels + i] = std::sqrt(moved);
            }
        }
        inputs_[kEvidence - 1] = state.weight / (state.weight + kHalfFrames);
        if constexpr (kMostLag > 0) {
            std::memmove(state.levels, state.levels + 1, sizeof(state.levels[0]) * (kMostLag - 1));
            std::memcpy(state.levels[kMostLag - 1], levels_, sizeof levels_);
        }
    }
};

}  // namespace lipstream
