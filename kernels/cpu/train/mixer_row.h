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
          eps_(eps), normed_(s.length, s.channels), parts_(s.length, s, s.taps - 1), pre_(s.length, M()),
          active_(s.length, M()), raw_(s.heads, s.length), dt_(s.heads, s.length), scanned_(s.length, E()),
          normed_gated_(s.length, E()), slope_(backward ? s.length : 1, E()), backward_(backward),
          scan_(s, backward), g_parts_(backward ? s.length : 0, s), g_active_(backward ? s.length + s.taps - 1 : 0, M()),
          g_wide_(backward ? s.length : 0, E()), g_dt_(backward ? s.heads : 0, s.length) {
        scan_.along = active_.stride;
        scan_.b = active_[0] + b_at<T>(s);
        scan_.c = active_[0] + c_at<T>(s);
        if (!backward) return;
        scan_.g_b = g_pre(0, s.lead()) + b_at<T>(s);
        scan_.g_c = g_pre(0, s.lead()) + c_at<T>(s);
    }

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
            for (int m = 0; m < s.mixed(); ++m) recent[k * s.mixed() + m] = in[place<T>(s, m)];
        }
    }

    // g_x from g_result; the gradients of the weights are added to g.
    void backward(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        activate(w);
        backward_out(w, back, g);
        scan_.backward();
        backward_dt(w, g);
        backward_conv(w, g);
        backward_in(w, back, g);
    }

  private:
    Shape s;
    T eps_;
    Matrix<T> normed_;
    Parts<T> parts_;
    // Out of the convolution, where its activation is then replaced by the slope of it; the gate z gives way to silu(z).
    Matrix<T> pre_, active_;
    Matrix<T> raw_, dt_;  // [H][L]: before and after the softplus
    Matrix<T> scanned_, normed_gated_, slope_;
    bool backward_;
    Scan<T, Shape> scan_;
    Parts<T> g_parts_;
    Matrix<T> g_active_, g_wide_, g_dt_;

    using V = typename Simd<T>::vector;
    static constexpr int lanes = Simd<T>::lanes;

    // Widths in whole vectors: of a head, of all of them, and of what goes through the convolution.
    int P() const { return head_width<T>(s); }
    int E() const { return inner_width<T>(s); }
    int M() const { return mixed_width<T>(s); }

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
        const int M = this->M(), stride = pre_.stride, taps = s.taps;
        for (int t = 0; t < s.length; ++t) {
            T *pre = pre_[t], *active = active_[t];
            const T *in = heard(t, 0), *tap = w.taps[0], *bias = w.bias[0];
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) {
                T sum = bias[m];
#pragma GCC unroll 8
                for (int k = 0; k < taps; ++k) sum += tap[k * stride + m] * in[k * stride + m];
                const T sig = sigmoid(sum), silu = sum * sig;
                active[m] = silu;
                pre[m] = sig + silu * (T(1) - sig);  // the slope, which the way back needs
            }
        }
    }

    void load_scan(const Weights<T> &w) {
        const int L = s.length;
        for (int h = 0; h < s.heads; ++h) {
            T *raw = raw_[h], *dt = dt_[h], *a = scan_.a(h);
            const T bias = w.dt_bias[0][h], A = w.A[0][h];
            for (int t = 0; t < L; ++t) raw[t] = parts_.dt[t][h] + bias;
#pragma GCC ivdep
            for (int t = 0; t < L; ++t) {
                dt[t] = softplus(raw[t]);
                a[t] = exponential(dt[t] * A);
            }
        }
        for (int t = 0; t < L; ++t) {
            const T *active = active_[t];
            T *u = &scan_.u[scan_.at(t, 0)];
            for (int e = 0; e < E(); e += lanes) vector_at(u + e) = vector_at(active + e) * dt_[e / P()][t];
        }
    }

    // y + D x, gated by z and normalised.
    void gate(const Weights<T> &w) {
        const int E = this->E();
        const T *weight = w.gate_norm[0];
        for (int t = 0; t < s.length; ++t) {
            T *scanned = scanned_[t], *gated = normed_gated_[t], *z = parts_.z[t], *slope = slope_[backward_ ? t : 0];
            const T *active = active_[t];
            const size_t at = scan_.at(t, 0);
            for (int e = 0; e < E; e += lanes) {
                V y = vector_at(&scan_.y[at + e]) + vector_at(active + e) * w.D[0][e / P()];
                if (s.two_sided) y += vector_at(&scan_.future[at + e]);
                vector_at(scanned + e) = y;
            }
#pragma GCC ivdep
            for (int e = 0; e < E; ++e) {
                const T sig = sigmoid(z[e]), silu = z[e] * sig;
                gated[e] = scanned[e] * silu;
                slope[e] = sig + silu * (T(1) - sig);
                z[e] = silu;
            }
            const T scale = inverse_rms(gated, E, s.inner, eps_);
#pragma GCC ivdep
            for (int e = 0; e < E; ++e) gated[e] *= scale * weight[e];
        }
    }

    // Through the output projection, the gated norm and the gate.
    void backward_out(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        outer(normed_gated_, g_result, g.out);
        product(g_result, back.out, g_wide_[0], g_wide_.stride, false);
        Buffer<T> gated(E()), g_gated(E()), g_skip(E());  // of D, apart for each value: sums across a vector are slow
        for (int t = 0; t < s.length; ++t) {
            const T *silu = parts_.z[t], *slope = slope_[t], *active = active_[t], *scanned = scanned_[t];
            for (int e = 0; e < E(); e += lanes) {
                vector_at(&gated[e]) = vector_at(scanned + e) * vector_at(silu + e);
                vector_at(&g_gated[e]) = V{};
            }
            rms_norm_backward(gated.data(), E(), s.inner, eps_, w.gate_norm[0], g_wide_[t], g_gated.data(),
                              g.gate_norm[0]);
            T *g_z = g_parts_.z[t], *g_active = g_pre(t, s.lead()), *g_y = &scan_.g_y[scan_.at(t, 0)];
            for (int e = 0; e < E(); e += lanes) {
                const V g_here = vector_at(&g_gated[e]), y = g_here * vector_at(silu + e);
                vector_at(g_y + e) = y;
                vector_at(g_z + e) = g_here * vector_at(scanned + e) * vector_at(slope + e);
                vector_at(g_active + e) = y * w.D[0][e / P()];
                vector_at(&g_skip[e]) += y * vector_at(active + e);
            }
            for (int m = E(); m < M(); m += lanes) vector_at(g_active + m) = V{};  // the scan adds to it
        }
        for (int e = 0; e < E(); ++e) g.D[0][e / P()] += g_skip[e];
    }

    // From u and decay to the step size.
    void backward_dt(const Weights<T> &w, Weights<T> &g) {
        const int L = s.length;
        // Along the row, where the functions of a head fill vectors.
        for (int h = 0; h < s.heads; ++h) {
            const T *g_log = &scan_.g_log_a[size_t(h) * L], *dt = dt_[h], *raw = raw_[h], A = w.A[0][h];
            T *g_dt = g_dt_[h], g_A = 0, g_bias = 0;
            sum_rows<T>(L, [&](int t) {
                const T *g_u = &scan_.g_u[scan_.at(t, h)], *active = &active_[t][h * P()];
                V sum = {};
                for (int p = 0; p < P(); p += lanes) sum += vector_at(g_u + p) * vector_at(active + p);
                return sum;
            }, g_dt);
#pragma GCC ivdep
            for (int t = 0; t < L; ++t) {
                g_A += g_log[t] * dt[t];
                g_dt[t] = (g_dt[t] + g_log[t] * A) * sigmoid(raw[t]);
                g_bias += g_dt[t];
            }
            g.A[0][h] += g_A;
            g.dt_bias[0][h] += g_bias;
            for (int t = 0; t < L; ++t) g_parts_.dt[t][h] = g_dt[t];
        }
    }

    void backward_conv(const Weights<T> &w, Weights<T> &g) {
        const int stride = pre_.stride;
        T *g_bias = g.bias[0], *g_tap = g.taps[0];
        for (int t = 0; t < s.length; ++t) {
            T *g_out = g_pre(t, s.lead());
            const T *slope = pre_[t], *g_u = &scan_.g_u[scan_.at(t, 0)];
            for (int m = 0; m < M(); m += lanes) {
                V g_active = vector_at(g_out + m);
                if (m < E()) g_active += vector_at(g_u + m) * dt_[m / P()][t];
                g_active *= vector_at(slope + m);
                vector_at(g_out + m) = g_active;
                vector_at(g_bias + m) += g_active;
            }
        }
        for (int t = 0; t < s.length; ++t) {
            const T *in = heard(t, s.lead()), *tap = w.taps[0];
            for (int m = 0; m < M(); m += lanes) {
                V sum = {};
                for (int k = 0; k < s.taps; ++k) {
                    const V g_out = vector_at(g_pre(t, k) + m);
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
            rms_norm_backward(x[t], s.channels, s.channels, eps_, w.norm[0], g_normed[t], g_x[t], g.norm[0]);
    }
};

}  // namespace lipstream
