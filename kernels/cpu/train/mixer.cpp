// What Python calls: rows of a residual Mamba-2 mixer, shared out over threads. The pure-torch composition in
// models/layers/tf_mamba.py is the oracle; kernels/cpu/mixer.py tells the arguments.

#include "mixer_row.h"
#include "mixer_shapes.h"

namespace lipstream {
namespace {

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
    load_weights(s, flat, w);
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
    load_weights(s, flat, w);
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
        store_gradients(s, g, g_weights + part * weights);
    }
}

}  // namespace
}  // namespace lipstream

#define EXPORT(T, name)                                                                                               \
    extern "C" void mixer_forward_##name(const int *shape, const long *layout, T eps, int threads, const T *weights, \
                                         const T *x, T *out, T *state, T *recent) {                                  \
        lipstream::with_shape<T>(shape, [&](const auto &s) {                                                            \
            lipstream::forward<T>(s, lipstream::layout_of(layout), eps, threads, weights, x, out, state, recent);    \
        });                                                                                                           \
    }                                                                                                                 \
    extern "C" void mixer_backward_##name(const int *shape, const long *layout, T eps, int threads,                  \
                                          const T *weights, const T *x, const T *g_out, T *g_x, T *g_weights,        \
                                          long size) {                                                               \
        lipstream::with_shape<T>(shape, [&](const auto &s) {                                                            \
            lipstream::backward<T>(s, lipstream::layout_of(layout), eps, threads, weights, x, g_out, g_x, g_weights, \
                                   size);                                                                            \
        });                                                                                                           \
    }
EXPORT(float, float)
EXPORT(double, double)
