// What Python calls: a convolution along frequency, one frame after the other, as one small matrix product a frame.
//
// With the channels of a bin side by side, the inputs of an output bin are one stretch of memory: the product reads
// it where it lies, and stretches that overlap cost nothing. A PReLU behind it is applied while the frame is at hand.
// torch.nn.functional.conv2d and prelu are the oracle; kernels/cpu_conv.py tells the arguments.

#include <algorithm>
#include <vector>

#include "gemm.h"

namespace lipstream {
namespace {

struct ConvShape {
    int frames_a, frames_b, bins_in, bins_out, in, out, taps, stride, pad;
    long frames() const { return long(frames_a) * frames_b; }
    int reach() const { return taps * in; }  // inputs of one output bin
};

// Where the element of a frame lies: [B, C, T, F] with any strides.
struct Frames {
    long batch, channel, frame, bin;
    long at(const ConvShape &s, long i) const { return i / s.frames_b * batch + i % s.frames_b * frame; }
};

// One frame with room around it, [pad + F + pad][C]; and the same with rows padded to whole vectors.
template <typename T>
void load(const T *from, const Frames &layout, int bins, int channels, T *to, int stride) {
    if (layout.channel == 1 && layout.bin == channels && stride == channels)
        std::copy_n(from, bins * channels, to);
    else if (layout.channel == 1)
        for (int f = 0; f < bins; ++f)
            for (int c = 0; c < channels; ++c) to[f * stride + c] = from[f * layout.bin + c];
    else
        for (int c = 0; c < channels; ++c)
            for (int f = 0; f < bins; ++f) to[f * stride + c] = from[c * layout.channel + f * layout.bin];
}

template <typename T>
void store(const T *from, int stride, int bins, int channels, T *to, const Frames &layout) {
    if (layout.channel == 1 && layout.bin == channels && stride == channels)
        std::copy_n(from, bins * channels, to);
    else if (layout.channel == 1)
        for (int f = 0; f < bins; ++f)
            for (int c = 0; c < channels; ++c) to[f * layout.bin + c] = from[f * stride + c];
    else
        for (int c = 0; c < channels; ++c)
            for (int f = 0; f < bins; ++f) to[c * layout.channel + f * layout.bin] = from[f * stride + c];
}

// Weights [out][in][taps] as the right factor of the product, [taps * in][out]; and that transposed.
template <typename T>
struct ConvWeights {
    int wide, deep;  // padded widths of the two
    std::vector<T> ahead, back;
    ConvWeights(const ConvShape &s, const T *weight)
        : wide(padded<T>(s.out)), deep(padded<T>(s.reach())), ahead(size_t(s.reach()) * wide), back(size_t(s.out) * deep) {
        for (int o = 0; o < s.out; ++o)
            for (int c = 0; c < s.in; ++c)
                for (int k = 0; k < s.taps; ++k)
                    ahead[(k * s.in + c) * wide + o] = back[o * deep + k * s.in + c] = weight[(o * s.in + c) * s.taps + k];
    }
};

// The slopes of a PReLU, padded to whole vectors; all 1 where there is none.
template <typename T>
std::vector<T> padded_slope(const ConvShape &s, const T *slope) {
    std::vector<T> all(padded<T>(s.out), T(1));
    if (slope) std::copy_n(slope, s.out, all.begin());
    return all;
}

// With a slope, y is what the PReLU makes of pre; without one, both may be the same.
template <typename T>
void conv_forward(const ConvShape &s, const Frames &x_at, const Frames &y_at, int threads, const T *x, const T *weight,
                  const T *bias, const T *slope, T *pre, T *y) {
    const ConvWeights<T> w(s, weight);
    const std::vector<T> negative = padded_slope(s, slope);
#pragma omp parallel num_threads(threads)
    {
        std::vector<T> in(size_t(s.bins_in + 2 * s.pad) * s.in), out(size_t(s.bins_out) * w.wide);
#pragma omp for schedule(static)
        for (long i = 0; i < s.frames(); ++i) {
            load(x + x_at.at(s, i), x_at, s.bins_in, s.in, &in[size_t(s.pad) * s.in], s.in);
            for (int f = 0; f < s.bins_out; ++f) std::copy_n(bias, s.out, &out[size_t(f) * w.wide]);
            const Left<T> stretches{in.data(), long(s.stride) * s.in, 1};
            gemm(s.bins_out, w.wide, s.reach(), stretches, w.ahead.data(), w.wide, out.data(), w.wide, true);
            store(out.data(), w.wide, s.bins_out, s.out, pre + y_at.at(s, i), y_at);
            if (slope == nullptr) continue;
            for (int f = 0; f < s.bins_out; ++f)
                for (int o = 0; o < w.wide; o += Simd<T>::lanes) {
                    auto &sum = vector_at(&out[size_t(f) * w.wide + o]);
                    sum = sum > 0 ? sum : sum * vector_at(&negative[o]);
                }
            store(out.data(), w.wide, s.bins_out, s.out, y + y_at.at(s, i), y_at);
        }
    }
}

// g_x and slope may be null. Gradients of weights [out][in][taps], bias and slope: one array for each thread, the caller
// adds them up.
template <typename T>
void conv_backward(const ConvShape &s, const Frames &x_at, const Frames &y_at, int threads, const T *x, const T *weight,
                   const T *slope, const T *pre, const T *g_y, T *g_x, T *g_weights) {
    const ConvWeights<T> w(s, weight);
    const std::vector<T> negative = padded_slope(s, slope);
    const long size = long(s.out) * (s.reach() + (slope ? 2 : 1));
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; ++part) {
        std::vector<T> in(size_t(s.bins_in + 2 * s.pad) * s.in), g_in(in.size()), g_out(size_t(s.bins_out) * w.wide);
        std::vector<T> g_stretches(size_t(s.bins_out) * w.deep), g_ahead(w.ahead.size()), g_bias(w.wide);
        std::vector<T> sums(slope ? g_out.size() : 0), g_slope(w.wide);
        for (long i = part; i < s.frames(); i += threads) {
            load(x + x_at.at(s, i), x_at, s.bins_in, s.in, &in[size_t(s.pad) * s.in], s.in);
            load(g_y + y_at.at(s, i), y_at, s.bins_out, s.out, g_out.data(), w.wide);
            if (slope) {
                load(pre + y_at.at(s, i), y_at, s.bins_out, s.out, sums.data(), w.wide);
                for (int f = 0; f < s.bins_out; ++f)
                    for (int o = 0; o < w.wide; o += Simd<T>::lanes) {
                        auto &g = vector_at(&g_out[size_t(f) * w.wide + o]);
                        const auto sum = vector_at(&sums[size_t(f) * w.wide + o]);
                        vector_at(&g_slope[o]) += g * (sum > 0 ? sum - sum : sum);
                        g = sum > 0 ? g : g * vector_at(&negative[o]);
                    }
            }
            for (int f = 0; f < s.bins_out; ++f)
                for (int o = 0; o < w.wide; o += Simd<T>::lanes)
                    vector_at(&g_bias[o]) += vector_at(&g_out[size_t(f) * w.wide + o]);
            const Left<T> turned{in.data(), 1, long(s.stride) * s.in};
            gemm(s.reach(), w.wide, s.bins_out, turned, g_out.data(), w.wide, g_ahead.data(), w.wide, true);
            if (g_x == nullptr) continue;
            gemm(s.bins_out, w.deep, s.out, plain(g_out.data(), w.wide), w.back.data(), w.deep, g_stretches.data(), w.deep,
                 false);
            std::fill(g_in.begin(), g_in.end(), T(0));
            for (int f = 0; f < s.bins_out; ++f) {
                T *to = &g_in[size_t(f) * s.stride * s.in];
                const T *from = &g_stretches[size_t(f) * w.deep];
                for (int j = 0; j < s.reach(); ++j) to[j] += from[j];
            }
            store(&g_in[size_t(s.pad) * s.in], s.in, s.bins_in, s.in, g_x + x_at.at(s, i), x_at);
        }
        T *g = g_weights + part * size;
        for (int o = 0; o < s.out; ++o) {
            for (int c = 0; c < s.in; ++c)
                for (int k = 0; k < s.taps; ++k) g[(o * s.in + c) * s.taps + k] = g_ahead[(k * s.in + c) * w.wide + o];
            g[s.out * s.reach() + o] = g_bias[o];
            if (slope) g[s.out * (s.reach() + 1) + o] = g_slope[o];
        }
    }
}

ConvShape conv_shape(const int *v) { return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]}; }
Frames frames(const long *v) { return {v[0], v[1], v[2], v[3]}; }

}  // namespace
}  // namespace lipstream

#define EXPORT(T, name)                                                                                               \
    extern "C" void conv_forward_##name(const int *shape, const long *x_at, const long *y_at, int threads,           \
                                        const T *x, const T *weight, const T *bias, const T *slope, T *pre, T *y) {  \
        lipstream::conv_forward<T>(lipstream::conv_shape(shape), lipstream::frames(x_at), lipstream::frames(y_at),   \
                                   threads, x, weight, bias, slope, pre, y);                                         \
    }                                                                                                                 \
    extern "C" void conv_backward_##name(const int *shape, const long *x_at, const long *y_at, int threads,          \
                                         const T *x, const T *weight, const T *slope, const T *pre, const T *g_y,    \
                                         T *g_x, T *g_weights) {                                                     \
        lipstream::conv_backward<T>(lipstream::conv_shape(shape), lipstream::frames(x_at), lipstream::frames(y_at),  \
                                    threads, x, weight, slope, pre, g_y, g_x, g_weights);                            \
    }
EXPORT(float, float)
EXPORT(double, double)
