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

// Visits the weights in the order of kernels/cpu/mixer.py: visit(matrix, whether torch keeps it transposed).
template <typename T, typename Visit>
void each_weight(Weights<T> &w, Visit visit) {
    visit(w.norm, false);
    visit(w.in.z, true);
    visit(w.in.mixed, true);
    visit(w.in.dt, true);
    visit(w.taps, true);
    visit(w.bias, false);
    visit(w.dt_bias, false);
    visit(w.A, false);
    visit(w.D, false);
    visit(w.gate_norm, false);
    visit(w.out, true);
}

// The weights lie one after the other in one array, each as torch keeps it.
template <typename T>
void load_weights(const T *flat, Weights<T> &w) {
    each_weight(w, [&](Matrix<T> &m, bool transposed) {
        for (int i = 0; i < m.rows; ++i)
            for (int j = 0; j < m.columns; ++j) m[i][j] = transposed ? flat[j * m.rows + i] : flat[i * m.columns + j];
        flat += m.rows * m.columns;
    });
}

template <typename T>
void store_gradients(Weights<T> &g, T *flat) {
    each_weight(g, [&](Matrix<T> &m, bool transposed) {
        for (int i = 0; i < m.rows; ++i)
            for (int j = 0; j < m.columns; ++j) (transposed ? flat[j * m.rows + i] : flat[i * m.columns + j]) = m[i][j];
        flat += m.rows * m.columns;
    });
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
