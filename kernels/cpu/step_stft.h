// The streaming short-time Fourier transform and its inverse (models/stft.py): square-root Hann windows on both sides;
// noise of unit power has bins of unit power.

#pragma once

#include <cmath>
#include <cstring>

#include "step_dft.h"

namespace lipstream {

class Stft {
  public:
    Stft() {
        double power = 0;
        for (int n = 0; n < kWindow; ++n) power += hann(n);
        const double overlap = power / kHop;  // sum of the shifted squared windows
        for (int n = 0; n < kWindow; ++n) {
            analysis_[n] = std::sqrt(hann(n) / power);
            synthesis_[n / kQ][n % kQ] = std::sqrt(hann(n) * power) / kWindow / overlap;
        }
    }

    void analyse(const float *hop, float *history, Spectrum &to) {
        for (int n = 0; n < kHistory; ++n) wave_[n] = history[n] * analysis_[n];
        for (int n = 0; n < kHop; ++n) wave_[kHistory + n] = hop[n] * analysis_[kHistory + n];
        if constexpr (kHistory > kHop) std::memmove(history, history + kHop, sizeof(float) * (kHistory - kHop));
        std::memcpy(history + kHistory - kHop, hop, sizeof(float) * kHop);
        dft_.forward(wave_, to);
    }

    // overlap: the unfinished sums of the kHistory samples after the last hop.
    void synthesise(const Spectrum &from, float *overlap, float *hop) {
        dft_.inverse(from, {rows_[0], rows_.stride});
        for (int r = 0; r < kR; ++r)
            for (int n = 0; n < kQ; ++n) wave_[r * kQ + n] = rows_[r][n] * synthesis_[r][n];
        for (int n = 0; n < kHistory; ++n) wave_[n] += overlap[n];
        std::memcpy(hop, wave_, sizeof(float) * kHop);
        std::memcpy(overlap, wave_ + kHop, sizeof(float) * kHistory);
    }

  private:
    static double hann(int n) { return 0.5 - 0.5 * std::cos(2 * kPi * n / kWindow); }

    Dft dft_;
    float analysis_[kWindow];
    Padded<kR, kQ> synthesis_{}, rows_{};
    alignas(64) float wave_[kWindow + kLanes] = {};
};

}  // namespace lipstream
