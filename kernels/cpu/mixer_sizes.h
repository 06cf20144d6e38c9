// Shapes of a mixer, its weights and the matrices they lie in.
//
// Widths: C channels, E inner, N states, M = E + 2N through the convolution, H heads, K taps.

#pragma once

#include <algorithm>

#include "buffer.h"
#include "gemm.h"

namespace lipstream {

// Sizes known when a call is made.
struct AnyShape {
    int channels, inner, states, heads, length, taps, two_sided;
    int head_size() const { return inner / heads; }
    int mixed() const { return inner + 2 * states; }
    int lead() const { return two_sided ? taps / 2 : taps - 1; }  // taps that look back
};

// The same with all but the length known when the kernel is compiled, so that its loops unroll.
template <int kChannels, int kInner, int kStates, int kHeads, int kTaps, bool kTwoSided>
struct FixedShape {
    static constexpr int channels = kChannels, inner = kInner, states = kStates, heads = kHeads, taps = kTaps;
    static constexpr bool two_sided = kTwoSided;
    int length;
    explicit FixedShape(const AnyShape &any) : length(any.length) {}
    static bool fits(const AnyShape &any) {
        return any.channels == channels && any.inner == inner && any.states == states && any.heads == heads &&
               any.taps == taps && any.two_sided == two_sided;
    }
    static constexpr int head_size() { return inner / heads; }
    static constexpr int mixed() { return inner + 2 * states; }
    static constexpr int lead() { return two_sided ? taps / 2 : taps - 1; }
};

// A matrix with padded rows.
template <typename T>
struct Matrix {
    int rows, columns, stride;
    Buffer<T> data;
    Matrix(int rows, int columns) : rows(rows), columns(columns), stride(padded<T>(columns)), data(size_t(rows) * stride) {}
    T *operator[](int row) { return &data[size_t(row) * stride]; }
    const T *operator[](int row) const { return &data[size_t(row) * stride]; }
};

// The three parts that the input projection makes: gate z, what goes through the convolution, step size.
template <typename T>
struct Parts {
    Matrix<T> z, mixed, dt;
    template <typename Shape>
    Parts(int rows, const Shape &s, int margin = 0)
        : z(rows, s.inner), mixed(rows + margin, s.mixed()), dt(rows, s.heads) {}
};

template <typename T>
struct Weights {
    Matrix<T> norm, taps, bias, dt_bias, A, D, gate_norm;
    Parts<T> in;    // [C][...]: transposed
    Matrix<T> out;  // [E][C]: transposed
    template <typename Shape>
    explicit Weights(const Shape &s)
        : norm(1, s.channels), taps(s.taps, s.mixed()), bias(1, s.mixed()), dt_bias(1, s.heads), A(1, s.heads),
          D(1, s.heads), gate_norm(1, s.inner), in(s.channels, s), out(s.inner, s.channels) {}
};

// The projections as they are stored, [W][C] and [C][E], for the way back.
template <typename T>
struct Projections {
    Matrix<T> z, mixed, dt, out;
    template <typename Shape>
    explicit Projections(const Shape &s)
        : z(s.inner, s.channels), mixed(s.mixed(), s.channels), dt(s.heads, s.channels), out(s.channels, s.inner) {}
};

}  // namespace lipstream
