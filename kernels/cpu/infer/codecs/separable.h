// The separable codec of one frame (models/codecs/base.py: DenseCodec, models/codecs/dense.py): magnitude and phase to
// features at half the bins, and back to a mask and a phase.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../common/math.h"
#include "../stft.h"
#include "dense_block.h"

namespace lipstream {

static_assert(kBins == 2 * kBands + 1);
constexpr float kPowerEps = 1e-6f, kSizeEps = 1e-12f;  // models/codecs/base.py

// Three taps between bins and half the bins: the outer two meet the even bins, the middle one the odd ones.
template <int kOut>
struct Halving {
    Padded<kOut, kChannels> outer[2], middle;
    Norm<kOut> norm;

    void read(Reader &reader) {
        for (auto *each : {&outer[0], &outer[1], &middle}) reader(*each);
        norm.read(reader);
    }

    Factor even() const { return {outer[0][0], middle.stride, sizeof(middle) / sizeof(float)}; }
    Factor odd() const { return {middle[0], middle.stride}; }
};

struct CodecWeights {
    float power, root;  // of power to compressed magnitude, c / 2, and of mask to gain, 1 / c
    Padded<kChannels, 2> widen;
    Norm<kChannels> widened;
    DenseWeights encoder, magnitude, phase;
    Halving<kChannels> down, up;
    Halving<1> mask;                            // transposed and 1x1 convolution in one
    float mask_scale[kBins], mask_bias[kBins];  // even bins first
    Padded<2, kChannels> point;
    float point_bias[2];

    void read(Reader &reader) {
        for (float *number : {&power, &root}) reader(number, 1);
        reader(widen);
        widened.read(reader);
        encoder.read(reader);
        down.read(reader);
        magnitude.read(reader);
        mask.read(reader);
        for (float *each : {mask_scale, mask_bias}) reader(each, kBins);
        phase.read(reader);
        up.read(reader);
        reader(point);
        reader(point_bias, 2);
    }
};

struct CodecState {
    DenseState<kBins> encoder;
    DenseState<kBands> magnitude, phase;
};

// The decoder takes nothing from the encoder.
struct CodecSkip {};

class Codec {
  public:
    explicit Codec(const CodecWeights &weights) : w_(weights) {}

    // Spectrum times gain -> features, `to` a row of kChannels each `stride`.
    void encode(const Spectrum &spectrum, float gain, CodecState &state, CodecSkip &, float *to, int stride) {
        describe(spectrum, gain);
        Grid<kStack, kBins> &frame = state.encoder.next();
        product<kChannels, kBins, 2>({w_.widen[0], w_.widen.stride}, {described_[0], described_.stride},
                                     {frame[kInput], frame.stride});
        w_.widened.apply<kBins>({frame[kInput], frame.stride});
        full_block_.step(w_.encoder, state.encoder, full_);
        halve();
        for (int p = 0; p < kBands; ++p)
            for (int c = 0; c < kChannels; ++c) to[p * stride + c] = half_[c][p];
    }

    // Features -> the noisy spectrum times the mask's gain, with the new phase.
    void decode(const float *from, int stride, const CodecSkip &, const Spectrum &noisy, CodecState &state,
                Spectrum &to) {
        Grid<kStack, kBands> &heard = state.magnitude.next(), &turned = state.phase.next();
        for (int c = 0; c < kChannels; ++c)
            for (int p = 0; p < kBands; ++p) heard[kInput + c][p] = turned[kInput + c][p] = from[p * stride + c];
        half_block_.step(w_.magnitude, state.magnitude, half_);
        spread(w_.mask, mask_);
        half_block_.step(w_.phase, state.phase, half_);
        spread(w_.up, wide_);
        product<2, kBins, kChannels>({w_.point[0], w_.point.stride}, {wide_[0], wide_.stride},
                                     {point_[0], point_.stride});
        make_filter();
        for (int f = 0; f < kBins; ++f) {
            const float re = noisy.real[f], im = noisy.imag[f], size = std::sqrt(re * re + im * im + kSizeEps);
            const int at = f % 2 == 0 ? f / 2 : kBands + 1 + f / 2;
            to.real[f] = size * point_[0][at];
            to.imag[f] = size * point_[1][at];
        }
    }

  private:
    // Bins in the order of `spread`, with room for the last vector of the odd ones.
    template <int kRows>
    using Spread = Padded<kRows, kBins + kLanes>;

    // Compressed magnitude and phase.
    void describe(const Spectrum &spectrum, float gain) {
        for (int f = 0; f < kBins; ++f) {
            const float re = spectrum.real[f] * gain, im = spectrum.imag[f] * gain;
            described_[0][f] = exponential(w_.power * logarithm(re * re + im * im + kPowerEps));
            described_[1][f] = angle(im, re);
        }
    }

    // full_ -> half_: a convolution with stride 2.
    void halve() {
        for (int c = 0; c < kChannels; ++c) {
            for (int p = 0; p <= kBands; ++p) even_[c][p] = full_[c][2 * p];
            for (int p = 0; p < kBands; ++p) odd_[c][p] = full_[c][2 * p + 1];
        }
        product<kChannels, kBands, kChannels, 2>(w_.down.even(), {even_[0], even_.stride}, {half_[0], half_.stride});
        product<kChannels, kBands, kChannels, 1, true>(w_.down.odd(), {odd_[0], odd_.stride},
                                                       {half_[0], half_.stride});
        w_.down.norm.apply<kBands>({half_[0], half_.stride});
    }

    // half_ -> all bins, the even ones first: a transposed convolution with stride 2.
    template <int kRows>
    void spread(const Halving<kRows> &w, Spread<kRows> &to) {
        product<kRows, kBands + 1, kChannels, 2>(w.even(), {half_[0] - 1, half_.stride}, {to[0], to.stride});
        product<kRows, kBands, kChannels>(w.odd(), {half_[0], half_.stride}, {to[0] + kBands + 1, to.stride});
        w.norm.template apply<kBins>({to[0], to.stride});
    }

    // The points become unit phases times the gain: (2 sigmoid(logit)) ^ (1 / c).
    void make_filter() {
        constexpr float log_two = 0.69314718f;
        for (int f = 0; f < kBins; ++f) {
            const float logit = mask_[0][f] * w_.mask_scale[f] + w_.mask_bias[f];
            const float log_mask = log_two - logarithm_1p(exponential(std::min(-logit, 80.0f)));
            const float re = point_[0][f] + w_.point_bias[0], im = point_[1][f] + w_.point_bias[1];
            const float scale = exponential(w_.root * log_mask) / std::sqrt(std::max(re * re + im * im, 1e-30f));
            point_[0][f] = re * scale;
            point_[1][f] = im * scale;
        }
    }

    const CodecWeights &w_;
    DenseBlock<kBins> full_block_;
    DenseBlock<kBands> half_block_;
    Padded<2, kBins> described_{};
    Grid<kChannels, kBins> full_{};
    Grid<kChannels, kBands + 1> even_{};
    Grid<kChannels, kBands> odd_{}, half_{};
    Spread<1> mask_{};
    Spread<kChannels> wide_{};
    Padded<2, kBins> point_{};
};

}  // namespace lipstream
