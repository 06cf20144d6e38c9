// One row of a residual Mamba-2 mixer, x + mixer(rms_norm(x)), forward and backward, with everything in cache:
// norm, projection, short convolution, activation, scan, gate, gated norm, projection. mixer_sizes.h names the widths.

#pragma once

#include "../common/math.h"
#include "../common/vectors.h"
#include "mixer_shapes.h"
#include "scan.h"

namespace lipstream {

template <typename T, typename Shape>
class MixerRow {
  public:
    Matrix<T> x, result;      // [L][C], to be filled in; [L][C], filled by `forward`
    Matrix<T> g_result, g_x;  // the same for the gradients

    MixerRow(const Shape &shape, T eps, bool backward)
        : x(shape.length, shape.channels), result(shape.length, shape.channels),
          g_result(backward ? shape.length : 0, shape.channels), g_x(backward ? shape.length : 0, shape.channels), s(shape),
          eps_(eps), normed_(s.length, s.channels), parts_(s.length, s, s.taps - 1), pre_(s.length, s.mixed()),
          active_(s.length, s.mixed()), dt_(s.heads, s.length), scanned_(s.length, s.inner), gated_(s.length, s.inner),
          normed_gated_(s.length, s.inner), slope_(backward ? s.length : 1, s.inner), backward_(backward), scan_(s, backward), g_parts_(backward ? s.length : 0, s),
          g_active_(backward ? s.length + s.taps - 1 : 0, s.mixed()), g_wide_(backward ? s.length : 0, s.inner) {}

    void forward(const Weights<T> &w) {
        activate(w);
        product(normed_gated_, w.out, result[0], result.stride, false);
        for (size_t i = 0; i < result.data.size(); ++i) result.data[i] += x.data[i];
    }

    // What a stream would carry on: the state [E][N], and the last inputs of the convolution [K - 1][M].
    void carry(T *state, T *recent) const {
        const int size = s.head_size();
        for (int h = 0; h < s.heads; ++h)
            for (int p = 0; p < size; ++p)
                for (int n = 0; n < s.states; ++n) state[(h * size + p) * s.states + n] = scan_.last(h)[n * scan_.P + p];
        for (int k = 0; k < s.taps - 1; ++k) {
            const T *in = heard(s.length - (s.taps - 1) + k, s.lead());
            for (int m = 0; m < s.mixed(); ++m) recent[k * s.mixed() + m] = in[m];
        }
    }

    // g_x from g_result; the gradients of the weights are added to g.
    void backward(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        activate(w);
        backward_out(w, back, g);
        scan_.backward();
        backward_scan_inputs(w, g);
        backward_conv(w, g);
        backward_in(w, back, g);
    }

  private:
    Shape s;
    T eps_;
    Matrix<T> normed_;
    Parts<T> parts_;
    // Out of the convolution, where its activation is then replaced by the slope of it; the gate z gives way to silu(z).
    Matrix<T> pre_, active_, dt_, scanned_, gated_, normed_gated_, slope_;
    bool backward_;
    Scan<T, Shape> scan_;
    Parts<T> g_parts_;
    Matrix<T> g_active_, g_wide_;

    // What tap k of the convolution hears at a position; zeros lie before the first and behind the last.
    const T *heard(int t, int k) const { return parts_.mixed[t + k]; }

    // The gradient of the convolution's output that tap k carries to an input, zeros around as well.
    T *g_pre(int t, int k) { return g_active_[t + s.taps - 1 - k]; }

    static void product(const Matrix<T> &a, const Matrix<T> &b, T *c, int stride, bool add) {
        gemm(a.rows, b.stride, a.columns, plain(a[0], a.stride), b[0], b.stride, c, stride, add);
    }

    // c += a^T b.
    static void outer(const Matrix<T> &a, const Matrix<T> &b, Matrix<T> &c) {
        gemm(a.columns, c.stride, a.rows, transposed(a[0], a.stride), b[0], b.stride, c[0], c.stride, true);
    }

    // Everything up to the output projection.
    void activate(const Weights<T> &w) {
        for (int t = 0; t < s.length; ++t) {
            const T scale = inverse_rms(x[t], s.channels, eps_);
            for (int c = 0; c < s.channels; ++c) normed_[t][c] = x[t][c] * scale * w.norm[0][c];
        }
        product(normed_, w.in.z, parts_.z[0], parts_.z.stride, false);
        product(normed_, w.in.mixed, parts_.mixed[s.lead()], parts_.mixed.stride, false);
        product(normed_, w.in.dt, parts_.dt[0], parts_.dt.stride, false);
        convolve(w);
        load_scan(w);
        scan_.forward();
        gate(w);
    }

    void convolve(const Weights<T> &w) {
        const int M = s.mixed(), stride = pre_.stride;
        for (int t = 0; t < s.length; ++t) {
            T *pre = pre_[t], *active = active_[t];
            const T *in = heard(t, 0), *tap = w.taps[0], *bias = w.bias[0];
            for (int m = 0; m < M; m += Simd<T>::lanes) {
                auto sum = vector_at(bias + m);
                for (int k = 0; k < s.taps; ++k) sum += vector_at(tap + k * stride + m) * vector_at(in + k * stride + m);
                vector_at(pre + m) = sum;
            }
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) {
                const T sig = sigmoid(pre[m]), silu = pre[m] * sig;
                active[m] = silu;
                pre[m] = sig + silu * (T(1) - sig);  // the slope, which the way back needs
            }
        }
    }

    void load_scan(const Weights<T> &w) {
        const int P = s.head_size();
        for (int h = 0; h < s.heads; ++h) {
            T *dt = dt_[h], *a = scan_.a(h);
            for (int t = 0; t < s.length; ++t) dt[t] = parts_.dt[t][h] + w.dt_bias[0][h];
#pragma GCC ivdep
            for (int t = 0; t < s.length; ++t) {
                dt[t] = softplus(dt[t]);
                a[t] = exponential(dt[t] * w.A[0][h]);
            }
        }
        for (int t = 0; t < s.length; ++t) {
            const T *active = active_[t];
            for (int h = 0; h < s.heads; ++h) {
                T *u = &scan_.u[scan_.at(t, h)];
                for (int p = 0; p < P; ++p) u[p] = active[h * P + p] * dt_[h][t];
            }
            for (int n = 0; n < s.states; ++n) {
                scan_.b[size_t(t) * scan_.N + n] = active[s.inner + n];
                scan_.c[size_t(t) * scan_.N + n] = active[s.inner + s.states + n];
            }
        }
    }

    // y + D x, gated by z and normalised.
    void gate(const Weights<T> &w) {
        const int P = s.head_size();
        for (int t = 0; t < s.length; ++t) {
            T *scanned = scanned_[t], *gated = gated_[t], *z = parts_.z[t];
            const T *active = active_[t];
            for (int h = 0; h < s.heads; ++h) {
                const size_t at = scan_.at(t, h);
                for (int p = 0; p < P; ++p) {
                    const T y = s.two_sided ? scan_.y[at + p] + scan_.future[at + p] : scan_.y[at + p];
                    scanned[h * P + p] = y + w.D[0][h] * active[h * P + p];
                }
            }
            T *slope = slope_[backward_ ? t : 0];
#pragma GCC ivdep
            for (int e = 0; e < s.inner; ++e) {
                const T sig = sigmoid(z[e]), silu = z[e] * sig;
                gated[e] = scanned[e] * silu;
                slope[e] = sig + silu * (T(1) - sig);
                z[e] = silu;
            }
            const T scale = inverse_rms(gated, s.inner, eps_);
            for (int e = 0; e < s.inner; ++e) normed_gated_[t][e] = gated[e] * scale * w.gate_norm[0][e];
        }
    }

    // Through the output projection, the gated norm and the gate.
    void backward_out(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        const int P = s.head_size();
        outer(normed_gated_, g_result, g.out);
        product(g_result, back.out, g_wide_[0], g_wide_.stride, false);
        Buffer<T> g_gated(s.inner), g_skip(s.inner);  // of D, apart for each value: sums across a vector are slow
        for (int t = 0; t < s.length; ++t) {
            std::fill(g_gated.begin(), g_gated.end(), T(0));
            rms_norm_backward(gated_[t], s.inner, eps_, w.gate_norm[0], g_wide_[t], g_gated.data(), g.gate_norm[0]);
            const T *silu = parts_.z[t], *slope = slope_[t], *active = active_[t], *scanned = scanned_[t];
            T *g_z = g_parts_.z[t], *g_active = g_pre(t, s.lead());
            for (int h = 0; h < s.heads; ++h) {
                const T d = w.D[0][h];
                T *g_y = &scan_.g_y[scan_.at(t, h)];
#pragma GCC ivdep
                for (int p = 0; p < P; ++p) {
                    const int e = h * P + p;
                    g_y[p] = g_gated[e] * silu[e];
                    g_z[e] = g_gated[e] * scanned[e] * slope[e];
                    g_active[e] = g_y[p] * d;
                    g_skip[e] += g_y[p] * active[e];
                }
            }
        }
        for (int e = 0; e < s.inner; ++e) g.D[0][e / P] += g_skip[e];
    }

    // From u, b, c and decay to the activations and the step size.
    void backward_scan_inputs(const Weights<T> &w, Weights<T> &g) {
        const int P = s.head_size();
        for (int t = 0; t < s.length; ++t) {
            const T *active = active_[t];
            T *g_active = g_pre(t, s.lead());
            for (int n = 0; n < s.states; ++n) {
                g_active[s.inner + n] = scan_.g_b[size_t(t) * scan_.N + n];
                g_active[s.inner + s.states + n] = scan_.g_c[size_t(t) * scan_.N + n];
            }
            for (int h = 0; h < s.heads; ++h) {
                const T *g_u = &scan_.g_u[scan_.at(t, h)], dt = dt_[h][t];
                const T g_log = scan_.g_log_a[h * s.length + t];
                T sum = g_log * w.A[0][h];
                g.A[0][h] += g_log * dt;
#pragma GCC ivdep
                for (int p = 0; p < P; ++p) {
                    sum += g_u[p] * active[h * P + p];
                    g_active[h * P + p] += g_u[p] * dt;
                }
                const T g_raw = sum * sigmoid(parts_.dt[t][h] + w.dt_bias[0][h]);
                g_parts_.dt[t][h] = g_raw;
                g.dt_bias[0][h] += g_raw;
            }
        }
    }

    void backward_conv(const Weights<T> &w, Weights<T> &g) {
        const int M = s.mixed(), stride = pre_.stride;
        T *g_bias = g.bias[0], *g_tap = g.taps[0];
        for (int t = 0; t < s.length; ++t) {
            T *g_out = g_pre(t, s.lead());
            const T *slope = pre_[t];
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) {
                g_out[m] *= slope[m];
                g_bias[m] += g_out[m];
            }
        }
        for (int t = 0; t < s.length; ++t) {
            const T *in = heard(t, s.lead()), *tap = w.taps[0];
            for (int m = 0; m < M; m += Simd<T>::lanes) {
                typename Simd<T>::vector sum = {};
                for (int k = 0; k < s.taps; ++k) {
                    const auto g_out = vector_at(g_pre(t, k) + m);
                    sum += vector_at(tap + k * stride + m) * g_out;
                    vector_at(g_tap + k * stride + m) += vector_at(in + m) * g_out;
                }
                vector_at(g_parts_.mixed[t] + m) = sum;
            }
        }
    }

    // Through the input projection and the norm, beside the residual.
    void backward_in(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        outer(normed_, g_parts_.z, g.in.z);
        outer(normed_, g_parts_.mixed, g.in.mixed);
        outer(normed_, g_parts_.dt, g.in.dt);
        Matrix<T> &g_normed = result;  // no longer needed
        product(g_parts_.z, back.z, g_normed[0], g_normed.stride, false);
        product(g_parts_.mixed, back.mixed, g_normed[0], g_normed.stride, true);
        product(g_parts_.dt, back.dt, g_normed[0], g_normed.stride, true);
        g_x.data = g_result.data;
        for (int t = 0; t < s.length; ++t)
            rms_norm_backward(x[t], s.channels, eps_, w.norm[0], g_normed[t], g_x[t], g.norm[0]);
    }
};

}  // namespace lipstream
