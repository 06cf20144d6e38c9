// Convolutions along frequency, one frame after the other, with any products of a frame; and the calls for Python.
//
// With the channels of a bin side by side, the inputs of an output bin are one stretch of memory: the product reads
// it where it lies, and stretches that overlap cost nothing. A PReLU behind it is applied while the frame is at hand.

#pragma once

#include "conv_products.h"
#include "frames.h"

namespace lipstream {
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
