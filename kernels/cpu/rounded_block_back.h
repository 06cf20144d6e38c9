// The way back through a block of a mixer, see rounded_block.h.

#pragma once

#include "rounded_block.h"

namespace lipstream::tiles {

template <typename Shape>
void RoundedBlock<Shape>::backward(int count, RoundedGradients<Shape> &g) {
    activate(count);
    scan.forward_to_return();
    backward_out(g);
    scan.backward();
    backward_scan_inputs(g.exact);
    backward_conv(g.exact);
    backward_in(g);
}

// Through the output projection, the gated norm and the gate.
template <typename Shape>
void RoundedBlock<Shape>::backward_out(RoundedGradients<Shape> &g) {
    project(g_result, f.in_depth, f.out_back, g_gated_[0], s.inner);
    backward_gate(g.exact);
    g.out.add(g_result[0], gated_[0]);
}

template <typename Shape>
void RoundedBlock<Shape>::backward_gate(Weights<float> &g) {
    const float *weight = w.gate_norm[0];
    scales(s.inner, gate_scale_, [&](int t) {
        __m512 power = {};
        for (int e = 0; e < s.inner; e += kTile) {
            const __m512 z = load(parts_[s.lead() + t] + e), y = scanned(t, e), gate = sigmoid(z), open = z * gate;
            const __m512 value = y * open;
            store(gated_[t] + e, value);
            store(&scan.g_y[t * s.inner + e], open);  // slopes for now
            store(g_parts_[t] + e, y * (gate + open * (all(1) - gate)));
            power += value * value;
        }
        return power;
    });
    float along[kBlock];
    sum_rows(along, [&](int t) {
        __m512 sum = {};
        for (int e = 0; e < s.inner; e += kTile) sum += load(g_gated_[t] + e) * load(weight + e) * load(gated_[t] + e);
        return sum;
    });
    for (int e = 0; e < s.inner; e += kTile) {
        __m512 g_weight = {}, g_d = {};
        for (int t = 0; t < kBlock; ++t) {
            const float scale = gate_scale_[t];
            float *g_y = &scan.g_y[t * s.inner + e], *g_z = g_parts_[t] + e, *gated = gated_[t] + e;
            const __m512 normed = load(gated) * all(scale), g_normed = load(g_gated_[t] + e) * all(scale);
            const __m512 value = g_normed * load(weight + e) - normed * all(along[t] * scale * scale / s.inner);
            g_weight += g_normed * load(gated);
            store(gated, normed * load(weight + e));
            store(g_z, load(g_z) * value);
            store(g_y, load(g_y) * value);
            g_d += load(g_y) * load(active_[t] + e);
        }
        add(g.gate_norm[0] + e, g_weight);
        g.D[0][e / kTile] += sum(g_d);
    }
}

// From what the scan took to the convolution's sums and the raw steps.
template <typename Shape>
void RoundedBlock<Shape>::backward_scan_inputs(Weights<float> &g) {
    for (int t = 0; t < kBlock; t += kTile)
        for (int first = 0; first < s.heads; first += kTile) {
            alignas(64) float g_steps[kTile * kTile] = {};
            for (int h = 0; h < std::min(s.heads - first, kTile); ++h)
                store(g_steps + h * kTile, backward_head(t, first + h, g));
            turn(g_steps, kTile, g_parts_[t] + s.inner + s.mixed() + first, f.wide);
        }
    for (int t = 0; t < kBlock; ++t) {
        const float *slope = slope_[t] + s.inner;
        store(g_sum(t) + s.inner, load(&scan.g_b[t * kTile]) * load(slope));
        store(g_sum(t) + s.inner + kTile, load(&scan.g_c[t * kTile]) * load(slope + kTile));
    }
}

// Of a head at 16 positions; gives the gradient of its raw steps.
template <typename Shape>
__m512 RoundedBlock<Shape>::backward_head(int first, int h, Weights<float> &g) {
    const __m512 d = all(w.D[0][h]);
    __m512 rows[kTile];
#pragma GCC unroll 16
    for (int i = 0; i < kTile; ++i) {
        const int t = first + i, e = h * kTile;
        const __m512 g_u = load(&scan.g_u[t * s.inner + e]);
        rows[i] = g_u * load(active_[t] + e);
        const __m512 g_active = g_u * all(step_[h][t]) + d * load(&scan.g_y[t * s.inner + e]);
        store(g_sum(t) + e, g_active * load(slope_[t] + e));
    }
    const __m512 g_log = load(&scan.g_log_a[h * kBlock + first]);
    const __m512 g_raw = (row_sums(rows) + g_log * all(w.A[0][h])) * load(step_slope_[h] + first);
    g.A[0][h] += sum(g_log * load(step_[h] + first));
    g.dt_bias[0][h] += sum(g_raw);
    return g_raw;
}

template <typename Shape>
void RoundedBlock<Shape>::backward_conv(Weights<float> &g) {
    if (!s.two_sided)
        for (int k = 0; k < s.taps - 1; ++k) std::copy_n(g_context[k], s.mixed(), g_sum(kBlock + k));
    for (int m = 0; m < s.mixed(); m += kTile) {
        __m512 g_bias = {}, g_taps[kMostTaps] = {};
        for (int t = 0; t < kBlock; ++t) {
            const __m512 in = load(parts_[s.lead() + t] + s.inner + m);
            __m512 g_in = {};
            for (int k = 0; k < s.taps; ++k) {
                const __m512 g_out = load(g_sums_[t + s.taps - 1 - k] + m);
                g_in += load(w.taps[k] + m) * g_out;
                g_taps[k] += in * g_out;
            }
            g_bias += load(g_sum(t) + m);
            store(g_parts_[t] + s.inner + m, g_in);
        }
        add(g.bias[0] + m, g_bias);
        for (int k = 0; k < s.taps; ++k) add(g.taps[k] + m, g_taps[k]);
    }
    for (int k = 0; k < s.taps - 1; ++k) std::copy_n(g_sum(k), s.mixed(), g_context[k]);
}

// Through the input projection and the norm, beside the residual.
template <typename Shape>
void RoundedBlock<Shape>::backward_in(RoundedGradients<Shape> &g) {
    g.in.add(normed_[0], g_parts_[0]);
    Matrix<float> &g_normed = result;  // not needed on the way back
    project(g_parts_, f.wide_depth, f.in_back, g_normed[0], s.channels);
    const float *weight = w.norm[0];
    float along[kBlock];
    sum_rows(along, [&](int t) {
        __m512 sum = {};
        for (int c = 0; c < s.channels; c += kTile) sum += load(g_normed[t] + c) * load(weight + c) * load(x[t] + c);
        return sum;
    });
    for (int c = 0; c < s.channels; c += kTile) {
        __m512 g_weight = {};
        for (int t = 0; t < kBlock; ++t) {
            const float scale = scale_[t];
            const __m512 in = load(x[t] + c), value = load(g_normed[t] + c) * all(scale);
            const __m512 g_in = value * load(weight + c) - in * all(along[t] * scale * scale * scale / s.channels);
            g_weight += value * in;
            store(g_x[t] + c, load(g_result[t] + c) + g_in);
        }
        add(g.exact.norm[0] + c, g_weight);
    }
}

}  // namespace lipstream::tiles
