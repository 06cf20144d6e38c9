// Shapes of a mixer, its weights and the matrices they lie in; its rows and weights as Python hands them over.
//
// Widths: C channels, E inner, N states, M = E + 2N through the convolution, H heads, K taps.

#pragma once

#include <algorithm>

#include "../common/vectors.h"
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

// Each head begins with a whole vector, and so do B and C behind the heads: loops run over vectors of one head, and the
// scan reads its inputs, and leaves their gradients, where the convolution has them. What is in between stays 0.
template <typename T, typename Shape>
constexpr int head_width(const Shape &s) { return padded<T>(s.head_size()); }

template <typename T, typename Shape>
constexpr int inner_width(const Shape &s) { return s.heads * head_width<T>(s); }

template <typename T, typename Shape>
constexpr int b_at(const Shape &s) { return inner_width<T>(s); }

template <typename T, typename Shape>
constexpr int c_at(const Shape &s) { return b_at<T>(s) + padded<T>(s.states); }

template <typename T, typename Shape>
constexpr int mixed_width(const Shape &s) { return c_at<T>(s) + padded<T>(s.states); }

// Where a channel of the convolution lies, of which torch counts the inner ones first, then B and C.
template <typename T, typename Shape>
constexpr int place(const Shape &s, int m) {
    if (m < s.inner) return m / s.head_size() * head_width<T>(s) + m % s.head_size();
    m -= s.inner;
    return m < s.states ? b_at<T>(s) + m : c_at<T>(s) + m - s.states;
}

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
        : z(rows, inner_width<T>(s)), mixed(rows + margin, mixed_width<T>(s)), dt(rows, s.heads) {}
};

template <typename T>
struct Weights {
    Matrix<T> norm, taps, bias, dt_bias, A, D, gate_norm;
    Parts<T> in;    // [C][...]: transposed
    Matrix<T> out;  // [E][C]: transposed
    template <typename Shape>
    explicit Weights(const Shape &s)
        : norm(1, s.channels), taps(s.taps, mixed_width<T>(s)), bias(1, mixed_width<T>(s)), dt_bias(1, s.heads), A(1, s.heads),
          D(1, s.heads), gate_norm(1, inner_width<T>(s)), in(s.channels, s), out(inner_width<T>(s), s.channels) {}
};

// The projections as they are stored, [W][C] and [C][E], for the way back.
template <typename T>
struct Projections {
    Matrix<T> z, mixed, dt, out;
    template <typename Shape>
    explicit Projections(const Shape &s)
        : z(inner_width<T>(s), s.channels), mixed(mixed_width<T>(s), s.channels), dt(s.heads, s.channels),
          out(s.channels, inner_width<T>(s)) {}
};

namespace {

// Rows of a tensor [R1, R2, L, C] whose channels lie side by side; strides in elements.
struct Layout {
    long outer, inner, outer_stride, inner_stride, position_stride;
    long rows() const { return outer * inner; }
    long at(long row) const { return row / inner * outer_stride + row % inner * inner_stride; }
};

template <typename T, typename Shape>
void load_row(const Shape &s, const Layout &layout, const T *from, long row, Matrix<T> &to) {
    from += layout.at(row);
    for (int t = 0; t < s.length; ++t)
        for (int c = 0; c < s.channels; ++c) to[t][c] = from[t * layout.position_stride + c];
}

template <typename T, typename Shape>
void store_row(const Shape &s, const Layout &layout, const Matrix<T> &from, long row, T *to) {
    to += layout.at(row);
    for (int t = 0; t < s.length; ++t)
        for (int c = 0; c < s.channels; ++c) to[t * layout.position_stride + c] = from[t][c];
}

// How many rows or columns of a matrix torch has, and whether they lie where `place` says.
struct Axis {
    int count;
    bool placed;
};

// Visits the weights in the order of kernels/cpu/mixer.py: visit(matrix, rows, columns, whether torch has it transposed).
template <typename T, typename Shape, typename Visit>
void each_weight(const Shape &s, Weights<T> &w, Visit visit) {
    const Axis one{1, false}, channels{s.channels, false}, inner{s.inner, true}, mixed{s.mixed(), true},
        heads{s.heads, false}, taps{s.taps, false};
    visit(w.norm, one, channels, false);
    visit(w.in.z, channels, inner, true);
    visit(w.in.mixed, channels, mixed, true);
    visit(w.in.dt, channels, heads, true);
    visit(w.taps, taps, mixed, true);
    visit(w.bias, one, mixed, false);
    visit(w.dt_bias, one, heads, false);
    visit(w.A, one, heads, false);
    visit(w.D, one, heads, false);
    visit(w.gate_norm, one, inner, false);
    visit(w.out, inner, channels, true);
}

// Visits each number of the weights, which torch has one after the other in one array: visit(here, there).
template <typename T, typename Shape, typename Number, typename Visit>
void each_number(const Shape &s, Weights<T> &w, Number *flat, Visit visit) {
    const auto at = [&](Axis axis, int i) { return axis.placed ? place<T>(s, i) : i; };
    each_weight<T>(s, w, [&](Matrix<T> &m, Axis rows, Axis columns, bool transposed) {
        for (int i = 0; i < rows.count; ++i)
            for (int j = 0; j < columns.count; ++j)
                visit(m[at(rows, i)][at(columns, j)], flat[transposed ? j * rows.count + i : i * columns.count + j]);
        flat += rows.count * columns.count;
    });
}

template <typename T, typename Shape>
void load_weights(const Shape &s, const T *flat, Weights<T> &w) {
    each_number(s, w, flat, [](T &here, const T &there) { here = there; });
}

template <typename T, typename Shape>
void store_gradients(const Shape &s, Weights<T> &g, T *flat) {
    each_number(s, g, flat, [](const T &here, T &there) { there = here; });
}

Layout layout_of(const long *v) { return {v[0], v[1], v[2], v[3], v[4]}; }

// Calls with the shape in the form that is fastest for it: in float, of which models are trained.
template <typename T, typename Call>
void with_shape(const int *v, Call call) {
    using LiteTime = FixedShape<32, 64, 16, 4, 4, false>;
    using LiteFrequency = FixedShape<32, 64, 16, 4, 3, true>;
    const AnyShape any{v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
    if constexpr (sizeof(T) == sizeof(float)) {
        if (LiteTime::fits(any)) return call(LiteTime(any));
        if (LiteFrequency::fits(any)) return call(LiteFrequency(any));
    }
    call(any);
}

}  // namespace
}  // namespace lipstream
