// What Python calls: rows of a residual Mamba-2 mixer with the factors of their products rounded to bfloat16, shared
// out over threads, where the processor has AMX. mixer.cpp is the oracle; kernels/cpu_mixer.py tells the arguments.

#include "amx.h"

#ifdef LIPSTREAM_AMX

#include "mixer_rows.h"
#include "rounded_row.h"

namespace lipstream {
namespace {

template <typename Shape>
void forward(const Shape &s, const Layout &layout, float eps, int threads, const float *flat, const float *x,
             float *out, float *state, float *recent, float *kept) {
    const long state_size = long(s.inner) * s.states, recent_size = long(s.taps - 1) * s.mixed();
    Weights<float> w(s);
    load_weights(flat, w);
#pragma omp parallel num_threads(threads)
    {
        RoundedRow<Shape> row(s, w, eps, false);
#pragma omp for schedule(static)
        for (long r = 0; r < layout.rows(); ++r) {
            load_row(s, layout, x, r, row.x);
            row.forward(kept + r * RoundedRow<Shape>::kept(s));
            store_row(s, layout, row.result, r, out);
            if (!s.two_sided) row.carry(state + r * state_size, recent + r * recent_size);
        }
    }
}

// Gradients of the weights come as one array for each thread; the caller adds them up.
template <typename Shape>
void backward(const Shape &s, const Layout &layout, float eps, int threads, const float *flat, const float *x,
              const float *g_out, const float *kept, float *g_x, float *g_weights, long weights) {
    Weights<float> w(s);
    load_weights(flat, w);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; ++part) {
        RoundedRow<Shape> row(s, w, eps, true);
        for (long r = part; r < layout.rows(); r += threads) {
            load_row(s, layout, x, r, row.x);
            load_row(s, layout, g_out, r, row.g_result);
            row.backward(kept + r * RoundedRow<Shape>::kept(s));
            store_row(s, layout, row.g_x, r, g_x);
        }
        store_gradients(row.gradients(), g_weights + part * weights);
    }
}

}  // namespace
}  // namespace lipstream

// Whether mixers of a shape are worked on here.
extern "C" int mixer_rounds(const int *shape) {
    bool served = false;
    lipstream::with_shape(shape, [&](const auto &s) { served = lipstream::tiles::allowed() && lipstream::rounds(s); });
    return served;
}

// Numbers that the way ahead keeps of a row for the way back.
extern "C" int mixer_kept_bfloat16(const int *shape) {
    int numbers = 0;
    lipstream::with_shape(shape,
                          [&](const auto &s) { numbers = lipstream::RoundedRow<std::decay_t<decltype(s)>>::kept(s); });
    return numbers;
}

extern "C" void mixer_forward_bfloat16(const int *shape, const long *layout, float eps, int threads,
                                       const float *weights, const float *x, float *out, float *state, float *recent,
                                       float *kept) {
    lipstream::with_shape(shape, [&](const auto &s) {
        lipstream::forward(s, lipstream::layout_of(layout), eps, threads, weights, x, out, state, recent, kept);
    });
}

extern "C" void mixer_backward_bfloat16(const int *shape, const long *layout, float eps, int threads,
                                        const float *weights, const float *x, const float *g_out, float *g_x,
                                        float *g_weights, long size, const float *kept) {
    lipstream::with_shape(shape, [&](const auto &s) {
        lipstream::backward(s, lipstream::layout_of(layout), eps, threads, weights, x, g_out, kept, g_x, g_weights,
                            size);
    });
}

#else

extern "C" int mixer_rounds(const int *) { return 0; }

#endif
