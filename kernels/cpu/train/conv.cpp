// What Python calls: convolutions along frequency in float and double. torch.nn.functional.conv2d and prelu are the
// oracle; kernels/cpu/conv.py tells the arguments.
//
// With the channels of a bin side by side, the inputs of an output bin are one stretch of memory: the product reads
// it where it lies, and stretches that overlap cost nothing. A PReLU behind it is applied while the frame is at hand.

#include <algorithm>

#include "../common/vectors.h"
#include "frames.h"
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

namespace {  // as if each library had its own: they inline better
// One number for each output channel, padded to whole vectors with 1.
template <typename T>
Buffer<T> padded_row(const ConvShape &s, const T *numbers) {
    Buffer<T> all(padded<T>(s.out), T(1));
    if (numbers) std::copy_n(numbers, s.out, all.begin());
    return all;
}

// Calls with each vector of an output row.
template <typename T, typename Visit>
void each_vector(const ConvShape &s, int width, Visit visit) {
    for (int o = 0; o < width; o += Simd<T>::lanes)
        for (int f = 0; f < s.bins_out; ++f) visit(size_t(f) * width + o, o);
}

// With a slope, y is what the PReLU makes of pre; without one, both may be the same.
template <typename Products, typename T = typename Products::Number>
void conv_forward(const ConvShape &s, const Frames &x_at, const Frames &y_at, int threads, const T *x, const T *weight,
                  const T *bias, const T *slope, T *pre, T *y) {
    const Buffer<T> first = padded_row(s, bias), negative = padded_row(s, slope);
#pragma omp parallel num_threads(threads)
    {
        Products products(s, weight);
        const int width = products.width();
        Buffer<T> in(products.frame()), out(products.sums());
#pragma omp for schedule(static)
        for (long i = 0; i < s.frames(); ++i) {
            x_at.load(x, i, s.bins_in, s.in, &in[size_t(s.pad) * products.pitch()], products.pitch());
            each_vector<T>(s, width, [&](size_t at, int o) { vector_at(&out[at]) = vector_at(&first[o]); });
            products.forward(in.data(), out.data());
            y_at.store(out.data(), width, s.bins_out, s.out, pre, i);
            if (slope == nullptr) continue;
            each_vector<T>(s, width, [&](size_t at, int o) {
                auto &sum = vector_at(&out[at]);
                sum = sum > 0 ? sum : sum * vector_at(&negative[o]);
            });
            y_at.store(out.data(), width, s.bins_out, s.out, y, i);
        }
    }
}

// g_x and slope may be null. Gradients of weights [out][in][taps], bias and slope: one array for each thread, the
// caller adds them up.
template <typename Products, typename T = typename Products::Number>
void conv_backward(const ConvShape &s, const Frames &x_at, const Frames &y_at, int threads, const T *x, const T *weight,
                   const T *slope, const T *pre, const T *g_y, T *g_x, T *g_weights) {
    const Buffer<T> negative = padded_row(s, slope);
    const long size = long(s.out) * (s.in * s.taps + (slope ? 2 : 1));
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; ++part) {
        Products products(s, weight);
        const int width = products.width();
        Buffer<T> in(products.frame()), g_out(products.sums()), sums(slope ? g_out.size() : 0), g_bias(width),
            g_slope(width);
        for (long i = part; i < s.frames(); i += threads) {
            x_at.load(x, i, s.bins_in, s.in, &in[size_t(s.pad) * products.pitch()], products.pitch());
            y_at.load(g_y, i, s.bins_out, s.out, g_out.data(), width);
            if (slope) {
                y_at.load(pre, i, s.bins_out, s.out, sums.data(), width);
                each_vector<T>(s, width, [&](size_t at, int o) {
                    auto &g = vector_at(&g_out[at]);
                    const auto sum = vector_at(&sums[at]);
                    vector_at(&g_slope[o]) += g * (sum > 0 ? sum - sum : sum);
                    g = sum > 0 ? g : g * vector_at(&negative[o]);
                });
            }
            each_vector<T>(s, width, [&](size_t at, int o) { vector_at(&g_bias[o]) += vector_at(&g_out[at]); });
            products.backward_weights(in.data(), g_out.data());
            if (g_x == nullptr) continue;
            const T *g_in = products.backward_input(g_out.data());
            x_at.store(g_in + size_t(s.pad) * products.g_pitch(), products.g_pitch(), s.bins_in, s.in, g_x, i);
        }
        T *g = g_weights + part * size;
        for (int o = 0; o < s.out; ++o) {
            for (int c = 0; c < s.in; ++c)
                for (int k = 0; k < s.taps; ++k) *g++ = products.gradient(o, c, k);
        }
        std::copy_n(g_bias.begin(), s.out, g);
        if (slope) std::copy_n(g_slope.begin(), s.out, g + s.out);
    }
}

ConvShape conv_shape(const int *v) { return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]}; }
Frames frames(const int *shape, const long *v) { return {v[0], v[1], v[2], v[3], shape[1]}; }

}  // namespace
}  // namespace lipstream

// The functions for one kind of products.
#define EXPORT_CONV(T, name, Products)                                                                                 \
    extern "C" void conv_forward_##name(const int *shape, const long *x_at, const long *y_at, int threads, const T *x, \
                                        const T *weight, const T *bias, const T *slope, T *pre, T *y) {                \
        using namespace lipstream;                                                                                     \
        conv_forward<Products>(conv_shape(shape), frames(shape, x_at), frames(shape, y_at), threads, x, weight, bias,  \
                               slope, pre, y);                                                                         \
    }                                                                                                                  \
    extern "C" void conv_backward_##name(const int *shape, const long *x_at, const long *y_at, int threads,            \
                                         const T *x, const T *weight, const T *slope, const T *pre, const T *g_y,      \
                                         T *g_x, T *g_weights) {                                                       \
        using namespace lipstream;                                                                                     \
        conv_backward<Products>(conv_shape(shape), frames(shape, x_at), frames(shape, y_at), threads, x, weight,       \
                                slope, pre, g_y, g_x, g_weights);                                                      \
    }

EXPORT_CONV(float, float, lipstream::ExactProducts<float>)
EXPORT_CONV(double, double, lipstream::ExactProducts<double>)
