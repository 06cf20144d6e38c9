// Rows and weights of a residual Mamba-2 mixer, as Python hands them over.

#pragma once

#include "mixer_sizes.h"

namespace lipstream {
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

// Visits the weights in the order of kernels/cpu_mixer.py: visit(matrix, whether torch keeps it transposed).
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
