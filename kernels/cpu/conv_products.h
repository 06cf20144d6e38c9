// The products of a frame's convolution along frequency.
//
// A frame lies with the channels of a bin side by side and room around it, so that what an output bin hears is one
// stretch of memory. An object belongs to one thread: it holds the weights, and the sum of their gradients over the
// frames.

#pragma once

#include <algorithm>

#include "buffer.h"
#include "gemm.h"

namespace lipstream {

struct ConvShape {
    int frames_a, frames_b, bins_in, bins_out, in, out, taps, stride, pad;
    long frames() const { return long(frames_a) * frames_b; }
    int wide() const { return bins_in + 2 * pad; }  // bins with the room around them
};

// As exact as T.
template <typename T>
class ExactProducts {
  public:
    using Number = T;

    // Weights [out][in][taps], as torch has them.
    ExactProducts(const ConvShape &s, const T *weight)
        : s(s), width_(padded<T>(s.out)), deep_(padded<T>(reach())), ahead_(size_t(reach()) * width_),
          back_(size_t(s.out) * deep_), g_ahead_(ahead_.size()), g_stretches_(size_t(s.bins_out) * deep_),
          g_in_(frame()) {
        for (int o = 0; o < s.out; ++o)
            for (int c = 0; c < s.in; ++c)
                for (int k = 0; k < s.taps; ++k)
                    ahead_[(k * s.in + c) * width_ + o] = back_[o * deep_ + k * s.in + c] =
                        weight[(o * s.in + c) * s.taps + k];
    }

    // Numbers from one bin of a frame to the next, of its input, its gradient and the output; and sizes of the first
    // and last.
    int pitch() const { return s.in; }
    int g_pitch() const { return s.in; }
    int width() const { return width_; }
    size_t frame() const { return size_t(s.wide()) * s.in; }
    size_t sums() const { return size_t(s.bins_out) * width_; }

    // out += what the bins hear.
    void forward(const T *in, T *out) const {
        gemm(s.bins_out, width_, reach(), plain(in, step()), ahead_.data(), width_, out, width_, true);
    }

    void backward_weights(const T *in, const T *g_out) {
        gemm(reach(), width_, s.bins_out, transposed(in, step()), g_out, width_, g_ahead_.data(), width_, true);
    }

    // The gradient of the input and of the room around it.
    const T *backward_input(const T *g_out) {
        gemm(s.bins_out, deep_, s.out, plain(g_out, width_), back_.data(), deep_, g_stretches_.data(), deep_, false);
        std::fill(g_in_.begin(), g_in_.end(), T(0));
        for (int f = 0; f < s.bins_out; ++f) {
            T *to = &g_in_[f * step()];
            const T *from = &g_stretches_[size_t(f) * deep_];
            for (int j = 0; j < reach(); ++j) to[j] += from[j];
        }
        return g_in_.data();
    }

    // The gradient of a weight.
    T gradient(int o, int c, int k) const { return g_ahead_[(k * s.in + c) * width_ + o]; }

  private:
    ConvShape s;
    int width_, deep_;  // padded
    Buffer<T> ahead_, back_, g_ahead_, g_stretches_, g_in_;

    int reach() const { return s.taps * s.in; }  // numbers that an output bin hears
    long step() const { return long(s.stride) * s.in; }
};

}  // namespace lipstream
