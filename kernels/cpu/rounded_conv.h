// The products of a frame's convolution along frequency, see conv_products.h, with factors rounded to bfloat16.

#pragma once

#include <algorithm>

#include "amx.h"
#include "conv_products.h"

namespace lipstream {

// Sums are float32. An input bin was heard by output bins that follow each other, each through a tap `stride` before
// that of the last one: so its gradient is a product of theirs with those taps, one for each remainder of its place.
class RoundedProducts {
  public:
    using Number = float;

    RoundedProducts(const ConvShape &s, const float *weight)
        : s(s), pitch_(s.in < tiles::kTile / 2 ? s.in : g_pitch()), reach_(rows(s.taps * pitch_)),
          hearers_((s.taps + s.stride - 1) / s.stride), depth_(deep(hearers_ * width())),
          ahead_(size_t(deep(reach_)) * width()), back_(size_t(s.stride) * depth_ * g_pitch()), in_(frame()),
          g_out_((size_t(rows(places())) + hearers_ + 1) * width() + depth_),
          turned_(size_t(width()) * deep(s.bins_out)), stretches_(size_t(deep(s.bins_out)) * reach_),
          g_ahead_(size_t(width()) * reach_), g_in_(size_t(rows(places())) * s.stride * g_pitch()) {
        Buffer<float> ahead(size_t(s.taps) * pitch_ * width()), back(size_t(s.stride) * depth_ * g_pitch());
        for (int o = 0; o < s.out; ++o)
            for (int c = 0; c < s.in; ++c)
                for (int k = 0; k < s.taps; ++k) {
                    const int first = k % s.stride * depth_, hearer = hearers_ - 1 - k / s.stride;
                    back[(first + hearer * width() + o) * g_pitch() + c] = ahead[(k * pitch_ + c) * width() + o] =
                        weight[(o * s.in + c) * s.taps + k];
                }
        tiles::round_pairs(s.taps * pitch_, width(), ahead.data(), width(), ahead_.data());
        tiles::round_pairs(s.stride * depth_, g_pitch(), back.data(), g_pitch(), back_.data());
    }

    int pitch() const { return pitch_; }
    int g_pitch() const { return rows(s.in); }
    int width() const { return rows(s.out); }
    size_t frame() const { return deep(std::max(s.wide() * pitch_, (rows(s.bins_out) - 1) * step() + deep(reach_))); }
    size_t sums() const { return size_t(deep(s.bins_out)) * width(); }

    void forward(const float *in, float *out) {
        tiles::round_all(frame(), in, in_.data());
        const tiles::Factors factors{in_.data(), step(), ahead_.data(), width()};
        tiles::product(rows(s.bins_out), width(), deep(reach_), factors, out, width(), true);
    }

    void backward_weights(const float *in, const float *g_out) {
        const int depth = deep(s.bins_out);
        tiles::round_columns(s.bins_out, width(), g_out, width(), turned_.data(), depth);
        tiles::round_pairs(s.bins_out, reach_, in, step(), stretches_.data());
        const tiles::Factors factors{turned_.data(), depth, stretches_.data(), reach_};
        tiles::product(width(), reach_, depth, factors, g_ahead_.data(), reach_, true);
    }

    const float *backward_input(const float *g_out) {
        tiles::round_all(deep(s.bins_out * width()), g_out, &g_out_[(hearers_ - 1) * width()]);
        for (int r = 0; r < s.stride; ++r) {
            const tiles::Factors factors{g_out_.data(), width(), &back_[size_t(r) * depth_ * g_pitch()], g_pitch()};
            tiles::product(rows(places()), g_pitch(), depth_, factors, &g_in_[r * g_pitch()], s.stride * g_pitch());
        }
        return g_in_.data();
    }

    float gradient(int o, int c, int k) const { return g_ahead_[o * reach_ + k * pitch_ + c]; }

  private:
    ConvShape s;
    int pitch_, reach_;    // numbers of an input bin, padded unless they are few; that an output bin hears, padded
    int hearers_, depth_;  // output bins that hear an input bin at most; their numbers, padded
    tiles::Tiles tiles_;
    Buffer<tiles::Bfloat16> ahead_, back_;                     // [reach][out]; for each remainder [hearer, out][in]
    Buffer<tiles::Bfloat16> in_, g_out_, turned_, stretches_;  // a frame, those around it 0; its gradient, transposed
    Buffer<float> g_ahead_, g_in_;                             // [out][reach]; bins of a frame

    static int rows(int count) { return tiles::whole(count, tiles::kTile); }
    static int deep(int count) { return tiles::whole(count, tiles::kDepth); }
    int places() const { return (s.wide() + s.stride - 1) / s.stride; }  // bins of a remainder
    int step() const { return s.stride * pitch_; }
};

}  // namespace lipstream
