// The discrete Fourier transform of a window as two small matrix products.
//
// Cooley & Tukey 1965 with kWindow = R Q samples, n = Q n1 + n2 and k = k1 + R k2:
//     X[k1 + R k2] = sum_n2 e(n2 k2 / Q) e(n2 k1 / RQ) sum_n1 e(n1 k1 / R) x[Q n1 + n2],    e(t) = exp(-2 pi i t)
// A real signal needs k1 up to R / 2 only; the rest are conjugates. The inverse takes the same way back.

#pragma once

#include <cmath>
#include <cstring>

#include "product.h"
#include "sizes.h"

namespace lipstream {

constexpr int largest_divisor_up_to_root(int n) {
    int best = 1;
    for (int d = 1; d * d <= n; ++d)
        if (n % d == 0) best = d;
    return best;
}

constexpr double kPi = 3.14159265358979323846;
constexpr int kR = largest_divisor_up_to_root(kWindow), kQ = kWindow / kR, kHalf = kR / 2 + 1;

struct Spectrum {
    alignas(64) float real[kBinLanes], imag[kBinLanes];  // zero beyond the last bin
};

// Between the transforms lies a matrix [kHalf][Q real, Q imaginary].
class Dft {
  public:
    Dft() {
        make_factors();
        place_bins();
    }

    // wave: a window, readable for one vector more.
    void forward(const float *wave, Spectrum &to) {
        product<2 * kHalf, kQ, kR>({columns_[0], columns_.stride}, {wave, kQ}, {first_[0], first_.stride});
        for (int k = 0; k < kHalf; ++k)
            for (int n = 0; n < kQ; ++n) {
                const float re = first_[2 * k][n], im = first_[2 * k + 1][n];
                turned_[k][n] = re * cos_[k][n] + im * sin_[k][n];
                turned_[k][kQ + n] = im * cos_[k][n] - re * sin_[k][n];
            }
        product<kHalf, 2 * kQ, 2 * kQ>({turned_[0], kStride}, {rows_[0], kStride}, {second_[0], kStride});
        for (int bin = 0; bin < kBins; ++bin) {
            to.real[bin] = second_[0][place_[bin]];
            to.imag[bin] = second_[0][place_[bin] + kQ] * sign_[bin];
        }
    }

    // wave: a window, unscaled: the sum over all bins and their mirror images. Rows of Q samples.
    void inverse(const Spectrum &from, Target wave) {
        for (int k1 = 0; k1 < kHalf; ++k1)
            for (int k2 = 0; k2 < kQ; ++k2) {
                second_[k1][k2] = from.real[bin_[k1][k2]];
                second_[k1][kQ + k2] = from.imag[bin_[k1][k2]] * bin_sign_[k1][k2];
            }
        product<kHalf, 2 * kQ, 2 * kQ>({second_[0], kStride}, {back_rows_[0], kStride}, {turned_[0], kStride});
        for (int k = 0; k < kHalf; ++k)
            for (int n = 0; n < kQ; ++n) {
                const float re = turned_[k][n], im = turned_[k][kQ + n];
                first_[2 * k][n] = re * cos_[k][n] - im * sin_[k][n];
                first_[2 * k + 1][n] = im * cos_[k][n] + re * sin_[k][n];
            }
        product<kR, kQ, 2 * kHalf>({back_columns_[0], back_columns_.stride}, {first_[0], first_.stride}, wave);
    }

  private:
    static constexpr int kStride = whole(2 * kQ);

    static double angle(int turns, int of) { return 2 * kPi * (turns % of) / of; }

    void make_factors() {
        for (int n = 0; n < kR; ++n)
            for (int k = 0; k < kHalf; ++k) {
                const double c = std::cos(angle(n * k, kR)), s = std::sin(angle(n * k, kR));
                const int mirrored = k == 0 || 2 * k == kR ? 1 : 2;  // k stands for its conjugate too
                columns_[2 * k][n] = c;
                columns_[2 * k + 1][n] = -s;
                back_columns_[n][2 * k] = mirrored * c;
                back_columns_[n][2 * k + 1] = -mirrored * s;
            }
        for (int n = 0; n < kQ; ++n)
            for (int k = 0; k < kQ; ++k) {
                const double c = std::cos(angle(n * k, kQ)), s = std::sin(angle(n * k, kQ));
                rows_[n][k] = rows_[kQ + n][kQ + k] = back_rows_[n][k] = back_rows_[kQ + n][kQ + k] = c;
                rows_[n][kQ + k] = back_rows_[kQ + n][k] = -s;
                rows_[kQ + n][k] = back_rows_[n][kQ + k] = s;
            }
        for (int k = 0; k < kHalf; ++k)
            for (int n = 0; n < kQ; ++n) {
                cos_[k][n] = std::cos(angle(n * k, kWindow));
                sin_[k][n] = std::sin(angle(n * k, kWindow));
            }
    }

    // Bins that the rows lack, and places of a row beyond the last bin, are conjugates; the outermost bins are real.
    void place_bins() {
        for (int bin = 0; bin < kBins; ++bin) {
            const bool there = bin % kR < kHalf;
            const int k = there ? bin : kWindow - bin;
            place_[bin] = k % kR * kStride + k / kR;
            sign_[bin] = bin == 0 || 2 * bin == kWindow ? 0 : there ? 1 : -1;
        }
        for (int k1 = 0; k1 < kHalf; ++k1)
            for (int k2 = 0; k2 < kQ; ++k2) {
                const int k = k1 + kR * k2, bin = k < kBins ? k : kWindow - k;
                bin_[k1][k2] = bin;
                bin_sign_[k1][k2] = bin == 0 || 2 * bin == kWindow ? 0 : k < kBins ? 1 : -1;
            }
    }

    Padded<2 * kHalf, kR> columns_{};
    Padded<kR, 2 * kHalf> back_columns_{};
    Padded<2 * kQ, 2 * kQ> rows_{}, back_rows_{};
    Padded<kHalf, kQ> cos_{}, sin_{};
    int place_[kBins], bin_[kHalf][kQ];
    float sign_[kBins], bin_sign_[kHalf][kQ];
    Padded<2 * kHalf, kQ> first_{};
    Padded<kHalf, 2 * kQ> turned_{}, second_{};
};

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
