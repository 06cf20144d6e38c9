// The band codec of one frame (models/codecs/band.py): spectrum to bands, and bands to a filter of each bin.
//
// Features of full resolution lie by channel, [C][bins], with zeros on both sides for the convolutions along
// frequency; bands lie by position, [P][C], as the mixers want them.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../common/math.h"
#include "../stft.h"

namespace lipstream {

struct Region {
    int width, bands;  // bins of a band, bands
};

constexpr int kFeatures = LIPSTREAM_FEATURES, kTaps = LIPSTREAM_TAPS;
constexpr Region kRegions[] = LIPSTREAM_REGIONS;
constexpr int kRegionCount = sizeof(kRegions) / sizeof(Region);

// Bands and bins below a region.
constexpr int bands_before(int region) {
    int sum = 0;
    for (int r = 0; r < region; ++r) sum += kRegions[r].bands;
    return sum;
}

constexpr int bins_before(int region) {
    int sum = 0;
    for (int r = 0; r < region; ++r) sum += kRegions[r].bands * kRegions[r].width;
    return sum;
}

constexpr int widest() {
    int width = 0;
    for (Region region : kRegions) width = region.width > width ? region.width : width;
    return width;
}

constexpr int kWidest = widest();
constexpr int kInputs = 3, kKernel = 5;  // of the encoder's first convolution
constexpr int kReach = 3;                // bins that the decoder's convolutions see
constexpr int kJoined = 2 * kFeatures;   // channels of bands spread out and encoder's features, side by side
constexpr int kSpread = kWidest * kFeatures;
constexpr float kPowerEps = 1e-6f, kMaxGain = 2.56f;  // models/codecs/base.py, models/codecs/band.py

// A convolution along frequency: for each tap [outputs][inputs]; its bias, and the slope of the PReLU behind it.
template <int kOut, int kIn, int kWide>
struct Convolution {
    Padded<kOut, kIn> taps[kWide];
    float bias[kOut], slope[kOut];
};

// Channels of full resolution between zeros.
template <int kRows>
struct Channels {
    static constexpr int stride = kLanes + kBinLanes + kLanes;
    alignas(64) float data[kRows * stride];
    float *operator[](int row) { return data + row * stride + kLanes; }
    const float *operator[](int row) const { return data + row * stride + kLanes; }
};

struct CodecWeights {
    float exponent;  // of the power of a bin that compresses it: (c - 1) / 2
    Convolution<kFeatures, kInputs, kKernel> expand;
    Padded<2 * kSpread, kChannels> to_bands[kRegionCount];  // [bin of the window, feature][C]
    Padded<kBands, kChannels> position;                     // with the biases of `to_bands`
    Padded<kChannels, kSpread> from_bands[kRegionCount];    // [C][feature, bin of the band]
    float from_bias[kRegionCount][kSpread];
    Convolution<kJoined, kJoined, kReach> mix;
    Convolution<2 * kTaps, kJoined, kReach> taps;

    void read(Reader &reader) {
        reader(&exponent, 1);
        read_convolution(reader, expand);
        for (int r = 0; r < kRegionCount; ++r) reader(to_bands[r], 2 * kRegions[r].width * kFeatures);
        reader(position);
        for (int r = 0; r < kRegionCount; ++r) {
            const int width = kRegions[r].width * kFeatures;
            reader(from_bands[r], kChannels, width);
            reader(from_bias[r], width);
        }
        read_convolution(reader, mix);
        read_convolution(reader, taps);
    }

  private:
    template <int kOut, int kIn, int kWide>
    static void read_convolution(Reader &reader, Convolution<kOut, kIn, kWide> &to) {
        for (auto &tap : to.taps) reader(tap);
        reader(to.bias, kOut);
        reader(to.slope, kOut);
    }
};

// to = bias + convolution of from, through the PReLU, zero beyond the bins.
template <int kOut, int kIn, int kWide>
inline void convolve(const Convolution<kOut, kIn, kWide> &w, const Channels<kIn> &from, Channels<kOut> &to) {
    constexpr std::ptrdiff_t tap = sizeof(w.taps[0]) / sizeof(float);
    product<kOut, kBins, kIn, kWide>({w.taps[0][0], w.taps[0].stride, tap}, {from[0] - kWide / 2, from.stride},
                                     {to[0], to.stride});
    for (int c = 0; c < kOut; ++c) {
        float *row = to[c];
        const float bias = w.bias[c], slope = w.slope[c];
        for (int f = 0; f < kBinLanes; ++f) {
            const float v = row[f] + bias;
            row[f] = std::max(v, 0.0f) + slope * std::min(v, 0.0f);
        }
        for (int f = kBins; f < kBinLanes; ++f) row[f] = 0.0f;
    }
}

// What the decoder of a frame takes from its encoder.
using CodecSkip = Channels<kFeatures>;

struct CodecState {
    float past[kTaps - 1][2][kBins];  // spectra, newest first
};

class Codec {
  public:
    explicit Codec(const CodecWeights &weights) : w_(weights) {}

    // Spectrum times gain -> bands, `to` a row of kChannels each `stride`.
    void encode(const Spectrum &spectrum, float gain, CodecState &, CodecSkip &features, float *to, int stride) {
        compress(spectrum, gain);
        convolve(w_.expand, compressed_, features);
        for (int c = 0; c < kFeatures; ++c)
            for (int f = 0; f < kBins; ++f) by_bin_[(kWidest + f) * kFeatures + c] = features[c][f];
        for (int p = 0; p < kBands; ++p) std::memcpy(to + p * stride, w_.position[p], sizeof(float) * kChannelLanes);
        gather<0>(to, stride);
    }

    // Bands -> the noisy spectrum, each bin by its filter over this frame and the past ones.
    void decode(const float *from, int stride, const CodecSkip &features, const Spectrum &noisy, CodecState &state,
                Spectrum &to) {
        std::memcpy(joined_[kFeatures] - kLanes, features.data, sizeof features.data);
        make_taps(from, stride);
        for (int f = 0; f < kBins; ++f) {
            float real = 0, imag = 0;
            for (int k = 0; k < kTaps; ++k) {
                const float re = k > 0 ? state.past[k - 1][0][f] : noisy.real[f];
                const float im = k > 0 ? state.past[k - 1][1][f] : noisy.imag[f];
                real += taps_[2 * k][f] * re - taps_[2 * k + 1][f] * im;
                imag += taps_[2 * k][f] * im + taps_[2 * k + 1][f] * re;
            }
            to.real[f] = real;
            to.imag[f] = imag;
        }
        if constexpr (kTaps > 2) std::memmove(state.past[1], state.past[0], sizeof(state.past[0]) * (kTaps - 2));
        if constexpr (kTaps > 1) {
            std::memcpy(state.past[0][0], noisy.real, sizeof(float) * kBins);
            std::memcpy(state.past[0][1], noisy.imag, sizeof(float) * kBins);
        }
    }

  private:
    // models/codecs/base.py: compress.
    void compress(const Spectrum &spectrum, float gain) {
        float *real = compressed_[0], *imag = compressed_[1], *size = compressed_[2];
        for (int f = 0; f < kBinLanes; ++f) {
            const float re = spectrum.real[f] * gain, im = spectrum.imag[f] * gain;
            const float power = re * re + im * im + kPowerEps, scale = exponential(w_.exponent * logarithm(power));
            real[f] = re * scale;
            imag[f] = im * scale;
            size[f] = scale * std::sqrt(power);
        }
        for (int f = kBins; f < kBinLanes; ++f) size[f] = 0.0f;
    }

    // Bands -> the filter of each bin: [tap][real, imaginary part][bins].
    void make_taps(const float *from, int stride) {
        scatter<0>(from, stride);
        for (int c = 0; c < kFeatures; ++c) joined_[c][kBins - 1] = joined_[c][kBins - 2];  // Nyquist has no band
        convolve(w_.mix, joined_, mixed_);
        convolve(w_.taps, mixed_, taps_);
        for (int k = 0; k < kTaps; ++k) {
            float *real = taps_[2 * k], *imag = taps_[2 * k + 1];
            for (int f = 0; f < kBinLanes; ++f) {
                const float power = real[f] * real[f] + imag[f] * imag[f];
                const float scale = 1.0f / std::sqrt(1.0f + power / (kMaxGain * kMaxGain));
                real[f] *= scale;
                imag[f] *= scale;
            }
        }
    }

    // A band is one product of the bins of its window, half a band more on either side.
    template <int r>
    void gather(float *to, int stride) {
        constexpr int width = kRegions[r].width, first = kWidest + bins_before(r) - width / 2;
        product<kRegions[r].bands, kChannels, 2 * width * kFeatures, 1, true>(
            {by_bin_ + first * kFeatures, width * kFeatures}, {w_.to_bands[r][0], w_.to_bands[r].stride},
            {to + bands_before(r) * stride, stride});
        if constexpr (r + 1 < kRegionCount) gather<r + 1>(to, stride);
    }

    template <int r>
    void scatter(const float *from, int stride) {
        constexpr int width = kRegions[r].width, count = kRegions[r].bands;
        product<count, width * kFeatures, kChannels>({from + bands_before(r) * stride, stride},
                                                     {w_.from_bands[r][0], w_.from_bands[r].stride},
                                                     {spread_[0], spread_.stride});
        for (int c = 0; c < kFeatures; ++c) {
            float *to = joined_[c] + bins_before(r);
            const float *bias = w_.from_bias[r] + c * width;
            for (int p = 0; p < count; ++p)
                for (int j = 0; j < width; ++j) to[p * width + j] = spread_[p][c * width + j] + bias[j];
        }
        if constexpr (r + 1 < kRegionCount) scatter<r + 1>(from, stride);
    }

    const CodecWeights &w_;
    Channels<kInputs> compressed_{};
    Channels<kJoined> joined_{}, mixed_{};
    Channels<2 * kTaps> taps_{};
    alignas(64) float by_bin_[(kWidest + kBins + kWidest) * kFeatures] = {};
    Padded<kBands, kSpread> spread_{};
};

}  // namespace lipstream
