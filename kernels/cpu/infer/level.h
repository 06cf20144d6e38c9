// The level of the input, and what of it is let in. models/layers/level.py and models/wave.py are the oracle.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "sizes.h"
#include "stft.h"

namespace lipstream {

struct LevelWeights {
    float decay, floor, fall, sample_limit, embedding_limit;

    void read(Reader &reader) {
        for (float *number : {&decay, &floor, &fall, &sample_limit, &embedding_limit}) reader(number, 1);
    }
};

struct LevelState {
    float power, frames, peak;     // decaying sums of the powers of the frames and of their number; their peak
    float recent[kLevelHold - 1];  // the last powers, the newest last
};

// Within +-most, NaN as 0: no state can leave its range. By the bits, for -ffast-math leaves out the NaN of a float.
inline void limit(const float *from, int count, float most, float *to) {
    std::uint32_t bits, most_bits;
    std::memcpy(&most_bits, &most, sizeof bits);
    for (int n = 0; n < count; ++n) {
        std::memcpy(&bits, from + n, sizeof bits);
        const std::uint32_t size = bits & 0x7fffffffu, sign = bits & 0x80000000u;
        bits = size > 0x7f800000u ? 0 : sign | std::min(size, most_bits);
        std::memcpy(to + n, &bits, sizeof bits);
    }
}

// The gain that brings the running level to 1.
inline float level_gain(const Spectrum &spectrum, const LevelWeights &weights, LevelState &state) {
    float power = 0;
    for (int f = 0; f < kBinLanes; ++f)
        power += spectrum.real[f] * spectrum.real[f] + spectrum.imag[f] * spectrum.imag[f];
    power /= kBins;
    state.power = weights.decay * state.power + power;
    state.frames = weights.decay * state.frames + 1.0f;
    state.peak = std::max(power, weights.fall * state.peak);
    for (float before : state.recent) state.peak = std::max(state.peak, before);
    std::memmove(state.recent, state.recent + 1, sizeof(float) * (kLevelHold - 2));
    state.recent[kLevelHold - 2] = power;
    return 1.0f / std::sqrt(std::min(state.power / state.frames, state.peak) + weights.floor);
}

}  // namespace lipstream
