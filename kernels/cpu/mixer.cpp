// What Python calls: rows of a residual Mamba-2 mixer, shared out over threads. The pure-torch composition in
// models/tf_mamba.py is the oracle; kernels/cpu_mixer.py tells the arguments.

#include "row.h"

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

template <typename T>
void transpose_all(const Weights<T> &w, Projections<T> &back) {
    for (auto [from, to] : {std::pair{&w.in.z, &back.z}, std::pair{&w.in.mixed, &back.mixed},
                            std::pair{&w.in.dt, &back.dt}, std::pair{&w.out, &back.out}})
        transpose(from->rows, from->columns, (*from)[0], from->stride, (*to)[0], to->stride);
}

template <typename T, typename Shape>
void forward(const Shape &s, const Layout &layout, T eps, int threads, const T *flat, const T *x, T *out, T *state,
             T *recent) {
    const long state_size = long(s.inner) * s.states, recent_size = long(s.taps - 1) * s.mixed();
    Weights<T> w(s);
    load_weights(flat, w);
#pragma omp parallel num_threads(threads)
    {
        MixerRow<T, Shape> row(s, eps, false);
#pragma omp for schedule(static)
        for (long r = 0; r < layout.rows(); ++r) {
            load_row(s, layout, x, r, row.x);
            row.forward(w);
            store_row(s, layout, row.result, r, out);
            if (!s.two_sided) row.carry(state + r * state_size, recent + r * recent_size);
        }
    }
}

// Gradients of the weights come as one array for each thread; the caller adds them up.
template <typename T, typename Shape>
void backward(const Shape &s, const Layout &layout, T eps, int threads, const T *flat, const T *x, const T *g_out,
              T *g_x, T *g_weights, long weights) {
    Weights<T> w(s);
    load_weights(flat, w);
    Projections<T> back(s);
    transpose_all(w, back);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; ++part) {
        MixerRow<T, Shape> row(s, eps, true);
        Weights<T> g(s);
        for (long r = part; r < layout.rows(); r += threads) {
            load_row(s, layout, x, r, row.x);
            load_row(s, layout, g_out, r, row.g_result);
            row.backward(w, back, g);
            store_row(s, layout, row.g_x, r, g_x);
        }
        store_gradients(g, g_weights + part * weights);
    }
}

Layout layout_of(const long *v) { return {v[0], v[1], v[2], v[3], v[4]}; }

// Calls with the shape in the form that is fastest for it.
template <typename Call>
void with_shape(const int *v, Call call) {
    using LiteTime = FixedShape<32, 64, 16, 4, 4, false>;
    using LiteFrequency = FixedShape<32, 64, 16, 4, 3, true>;
    const AnyShape any{v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
    if (LiteTime::fits(any))
        call(LiteTime(any));
    else if (LiteFrequency::fits(any))
        call(LiteFrequency(any));
    else
        call(any);
}

}  // namespace
}  // namespace lipstream

#define EXPORT(T, name)                                                                                               \
    extern "C" void mixer_forward_##name(const int *shape, const long *layout, T eps, int threads, const T *weights, \
                                         const T *x, T *out, T *state, T *recent) {                                  \
        lipstream::with_shape(shape, [&](const auto &s) {                                                            \
            lipstream::forward<T>(s, lipstream::layout_of(layout), eps, threads, weights, x, out, state, recent);    \
        });                                                                                                           \
    }                                                                                                                 \
    extern "C" void mixer_backward_##name(const int *shape, const long *layout, T eps, int threads,                  \
                                          const T *weights, const T *x, const T *g_out, T *g_x, T *g_weights,        \
                                          long size) {                                                               \
        lipstream::with_shape(shape, [&](const auto &s) {                                                            \
            lipstream::backward<T>(s, lipstream::layout_of(layout), eps, threads, weights, x, g_out, g_x, g_weights, \
                                   size);                                                                            \
        });                                                                                                           \
    }
EXPORT(float, float)
EXPORT(double, double)
