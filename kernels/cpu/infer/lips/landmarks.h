// Encoder C (models/lips/landmarks.py): one tick of 40 ms, face landmarks to a cue.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "trust.h"

namespace lipstream {

constexpr int kPoints = 44, kMoving = 41, kNose = 41, kLeftEye = 42, kRightEye = 43, kShape = 2 * kMoving;
constexpr int kUpper[] = {10, 1, 28}, kLower[] = {18, 2, 36};  // points of the inner lips above each other
constexpr int kGaps = 3, kAbout = 3, kFace = 2 * kShape + kGaps + kAbout + 1;
constexpr int kMembers = LIPSTREAM_LANDMARKS_MEMBERS, kMember = LIPSTREAM_LANDMARKS_CHANNELS;
constexpr int kSightLayers = LIPSTREAM_LANDMARKS_LAYERS, kTicks = LIPSTREAM_LANDMARKS_TAPS;
constexpr int kSight = kMembers * kMember;

struct SightWeights {
    float memory_ticks;
    DenseWeights<kFace, kSight> enter;  // features by their scale
    struct {
        Padded<kMember, kMember> taps[kTicks];  // oldest first
        Padded<1, kMember> bias;
    } layers[kSightLayers][kMembers];
    DenseWeights<kMember, 2 * kCueLevels> leave[kMembers];
    float prior[kCueLevels];  // variances

    void read(Reader &reader) {
        reader(&memory_ticks, 1);
        enter.read(reader);
        for (auto &layer : layers)
            for (auto &member : layer) {
                for (auto &tap : member.taps) reader(tap);
                reader(member.bias);
            }
        for (auto &member : leave) member.read(reader);
        reader(prior, kCueLevels);
    }
};

// Zero is the start.
struct SightState {
    float shape[kShape], velocity[kShape], mean[kShape], seen, activity, since_s;
    float past[kSightLayers][kTicks - 1][kSight];  // inputs of the convolutions, oldest first
};

constexpr long kSightBytes = sizeof(SightState);

class Sight {
  public:
    // points: [kPoints][x, y, z] in pixels. -> cue [2 * kCueLevels]
    void see(const SightWeights &w, const float (*points)[3], float age_s, SightState &state, float *cue) {
        const float fresh = look(w, points, age_s, state);
        dense(w.enter, face_, x_);
        for (int i = 0; i < kSight; ++i) x_[0][i] = std::max(x_[0][i], 0.0f);
        for (int layer = 0; layer < kSightLayers; ++layer) convolve(w.layers[layer], state.past[layer]);
        mix(w, fresh, cue);
    }

  private:
    static constexpr float kTick = 0.04f, kForget = 1.0f, kSame = 1e-3f, kLeastEyes = 1.0f;
    static constexpr float kLeastLogVariance = -4.0f, kMostLogVariance = 2.0f;

    float shape_[kShape], gaps_[kGaps], face_[kFace];
    Padded<1, kSight> x_{};
    Padded<1, kMember> y_{};
    Padded<1, 2 * kCueLevels> said_[kMembers]{};

    // Fills `shape_` and `gaps_`. -> whether there is a face
    bool level(const float (*points)[3]) {
        float eyes[3], flat = 0, size = 0;
        for (int i = 0; i < 3; ++i) eyes[i] = points[kRightEye][i] - points[kLeftEye][i];
        for (int i = 0; i < 2; ++i) flat += eyes[i] * eyes[i];
        size = std::sqrt(flat + eyes[2] * eyes[2]);
        const bool face = size >= kLeastEyes;
        size = std::max(size, kLeastEyes);
        flat = std::max(std::sqrt(flat), kLeastEyes);
        const float cos = eyes[0] / flat, sin = eyes[1] / flat;
        for (int i = 0; i < kMoving; ++i) {
            const float x = points[i][0] - points[kNose][0], y = points[i][1] - points[kNose][1];
            shape_[i] = (x * cos + y * sin) / size;
            shape_[kMoving + i] = (y * cos - x * sin) / size;
        }
        for (int i = 0; i < kGaps; ++i) {
            const float *low = points[kLower[i]], *up = points[kUpper[i]];
            const float x = low[0] - up[0], y = low[1] - up[1];
            gaps_[i] = std::sqrt(x * x + y * y) / size;
        }
        return face;
    }

    void remember(float age_s, bool first, float elapsed_s, float memory_ticks, SightState &state) {
        const float ticks = first ? 1.0f : std::max(elapsed_s / kTick, 0.25f);
        state.seen = first ? 1.0f : std::min(state.seen + ticks, memory_ticks);
        const float share = first ? 1.0f : std::min(ticks / state.seen, 1.0f);
        float power = 0;
        for (int i = 0; i < kShape; ++i) {
            state.velocity[i] = first ? 0.0f : (shape_[i] - state.shape[i]) / ticks;
            state.mean[i] = first ? shape_[i] : state.mean[i] + share * (shape_[i] - state.mean[i]);
            state.shape[i] = shape_[i];
            power += state.velocity[i] * state.velocity[i];
        }
        power /= kShape;
        state.activity = first ? 0.0f : power + exponential(-ticks * kTick) * (state.activity - power);
        state.since_s = age_s;
    }

    // Fills `face_`. -> freshness
    float look(const SightWeights &w, const float (*points)[3], float age_s, SightState &state) {
        const bool face = level(points), known = state.seen > 0.0f;
        state.since_s += kTick;
        const float elapsed_s = state.since_s - age_s;
        if (face && (!known || elapsed_s > kSame))
            remember(age_s, !known || elapsed_s > kForget, elapsed_s, w.memory_ticks, state);
        const float fresh = state.seen > 0.0f ? freshness(state.since_s) : 0.0f;
        for (int i = 0; i < kShape; ++i) {
            face_[i] = (state.shape[i] - state.mean[i]) * fresh;
            face_[kShape + i] = state.velocity[i] * fresh;
        }
        float *rest = face_ + 2 * kShape;
        for (int i = 0; i < kGaps; ++i) rest[i] = face ? gaps_[i] * fresh : 0.0f;
        rest[kGaps] = std::min(state.since_s * 10.0f, 5.0f) * fresh;
        rest[kGaps + 1] = state.seen / w.memory_ticks * fresh;
        rest[kGaps + 2] = (common_logarithm(std::sqrt(state.activity) + 1e-4f) + 3.0f) * fresh;
        rest[kGaps + 3] = fresh;
        return fresh;
    }

    template <typename Members>
    void convolve(const Members &members, float (*past)[kSight]) {
        float now[kSight];
        std::memcpy(now, x_[0], sizeof now);
        for (int m = 0; m < kMembers; ++m) {
            const auto &w = members[m];
            for (int i = 0; i < y_.stride; ++i) y_[0][i] = w.bias[0][i];
            for (int k = 0; k < kTicks; ++k) {
                const float *from = (k < kTicks - 1 ? past[k] : now) + m * kMember;
                product<1, kMember, kMember, 1, true>({from}, {w.taps[k][0], w.taps[k].stride}, {y_[0], y_.stride});
            }
            for (int i = 0; i < kMember; ++i) x_[0][m * kMember + i] = std::max(y_[0][i], 0.0f);
        }
        if constexpr (kTicks > 1) {
            std::memmove(past[0], past[1], sizeof(past[0]) * (kTicks - 2));
            std::memcpy(past[kTicks - 2], now, sizeof now);
        }
    }

    // Mean and log variance of the mixture of what the members say.
    void mix(const SightWeights &w, float fresh, float *cue) {
        for (int m = 0; m < kMembers; ++m) dense(w.leave[m], x_[0] + m * kMember, said_[m]);
        for (int i = 0; i < kCueLevels; ++i) {
            float mean = 0, variance = 0, spread = 0;
            for (int m = 0; m < kMembers; ++m) {
                const float logarithm = std::clamp(said_[m][0][kCueLevels + i], kLeastLogVariance, kMostLogVariance);
                mean += fresh * said_[m][0][i];
                variance += fresh * exponential(logarithm) + (1.0f - fresh) * w.prior[i];
            }
            mean /= kMembers;
            for (int m = 0; m < kMembers; ++m) {
                const float off = fresh * said_[m][0][i] - mean;
                spread += off * off;
            }
            cue[i] = mean;
            cue[kCueLevels + i] = logarithm((variance + spread) / kMembers);
        }
    }
};

}  // namespace lipstream
