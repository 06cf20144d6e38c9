// One row of a residual Mamba-2 mixer, x + mixer(rms_norm(x)), forward and backward, with everything in cache:
// norm, projection, short convolution, activation, scan, gate, gated norm, projection.
//
// Widths: C channels, E inner, N states, M = E + 2N through the convolution, H heads, K taps.

#pragma once

#include <vector>

#include "elementwise.h"
#include "scan.h"

namespace lipstream {

// Sizes known when a call is made.
struct AnyShape {
    int channels, inner, states, heads, length, taps, two_sided;
    int head_size() const { return inner / heads; }
    int mixed() const { return inner + 2 * states; }
    int lead() const { return two_sided ? taps / 2 : taps - 1; }  // taps that look back
};

// The same with the widths known when the kernel is compiled, so that its loops unroll.
template <int kChannels, int kInner, int kStates, int kHeads>
struct FixedShape {
    static constexpr int channels = kChannels, inner = kInner, states = kStates, heads = kHeads;
    int length, taps, two_sided;
    explicit FixedShape(const AnyShape &any) : length(any.length), taps(any.taps), two_sided(any.two_sided) {}
    static bool fits(const AnyShape &any) {
        return any.channels == channels && any.inner == inner && any.states == states && any.heads == heads;
    }
    static constexpr int head_size() { return inner / heads; }
    static constexpr int mixed() { return inner + 2 * states; }
    int lead() const { return two_sided ? taps / 2 : taps - 1; }
};

// A matrix with padded rows.
template <typename T>
struct Matrix {
    int rows, columns, stride;
    std::vector<T> data;
    Matrix(int rows, int columns) : rows(rows), columns(columns), stride(padded<T>(columns)), data(size_t(rows) * stride) {}
    T *operator[](int row) { return &data[size_t(row) * stride]; }
    const T *operator[](int row) const { return &data[size_t(row) * stride]; }
    void clear() { std::fill(data.begin(), data.end(), T(0)); }
};

// The three parts that the input projection makes: gate z, what goes through the convolution, step size.
template <typename T>
struct Parts {
    Matrix<T> z, mixed, dt;
    template <typename Shape>
    Parts(int rows, const Shape &s) : z(rows, s.inner), mixed(rows, s.mixed()), dt(rows, s.heads) {}
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

template <typename T, typename Shape>
class MixerRow {
  public:
    Matrix<T> x, result;      // [L][C], to be filled in; [L][C], filled by `forward`
    Matrix<T> g_result, g_x;  // the same for the gradients

    MixerRow(const Shape &shape, T eps, bool backward)
        : x(shape.length, shape.channels), result(shape.length, shape.channels),
          g_result(backward ? shape.length : 0, shape.channels), g_x(backward ? shape.length : 0, shape.channels), s(shape),
          eps_(eps), normed_(s.length, s.channels), parts_(s.length, s), pre_(s.length, s.mixed()),
          active_(s.length, s.mixed()), dt_(s.length, s.heads), gated_(s.length, s.inner), normed_gated_(s.length, s.inner),
          scan_(s, backward), g_parts_(backward ? s.length : 0, s),
          g_active_(backward ? s.length : 0, s.mixed()), g_wide_(backward ? s.length : 0, s.inner) {}

    void forward(const Weights<T> &w) {
        activate(w);
        gemm(s.length, result.stride, s.inner, plain(normed_gated_[0], normed_gated_.stride), w.out[0], w.out.stride,
             result[0], result.stride, false);
        for (size_t i = 0; i < result.data.size(); ++i) result.data[i] += x.data[i];
    }

    // What a stream would carry on: the state [E][N], and the last inputs of the convolution [K - 1][M].
    void carry(T *state, T *recent) const {
        const int size = s.head_size();
        for (int h = 0; h < s.heads; ++h)
            for (int p = 0; p < size; ++p)
                for (int n = 0; n < s.states; ++n) state[(h * size + p) * s.states + n] = scan_.last(h)[n * scan_.P + p];
        for (int k = 0; k < s.taps - 1; ++k) {
            const int t = s.length - (s.taps - 1) + k;
            for (int m = 0; m < s.mixed(); ++m) recent[k * s.mixed() + m] = t < 0 ? T(0) : parts_.mixed[t][m];
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
    Matrix<T> pre_, active_, dt_, gated_, normed_gated_;
    Scan<T, Shape> scan_;
    Parts<T> g_parts_;
    Matrix<T> g_active_, g_wide_;

    static void product(const Matrix<T> &a, const Matrix<T> &b, Matrix<T> &c, bool add) {
        gemm(a.rows, c.stride, a.columns, plain(a[0], a.stride), b[0], b.stride, c[0], c.stride, add);
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
        product(normed_, w.in.z, parts_.z, false);
        product(normed_, w.in.mixed, parts_.mixed, false);
        product(normed_, w.in.dt, parts_.dt, false);
        convolve(w);
        load_scan(w);
        scan_.forward();
        gate(w);
    }

    void convolve(const Weights<T> &w) {
        const int M = s.mixed();
        for (int t = 0; t < s.length; ++t) {
            T *pre = pre_[t], *active = active_[t];
            std::memcpy(pre, w.bias[0], sizeof(T) * M);
            for (int k = 0; k < s.taps; ++k) {
                const int from = t - s.lead() + k;
                if (from < 0 || from >= s.length) continue;
                const T *in = parts_.mixed[from], *tap = w.taps[k];
#pragma GCC ivdep
                for (int m = 0; m < M; ++m) pre[m] += tap[m] * in[m];
            }
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) active[m] = pre[m] * sigmoid(pre[m]);
        }
    }

    void load_scan(const Weights<T> &w) {
        const int P = s.head_size();
        for (int t = 0; t < s.length; ++t)
            for (int h = 0; h < s.heads; ++h) dt_[t][h] = parts_.dt[t][h] + w.dt_bias[0][h];
        for (T &v : dt_.data) v = softplus(v);
        for (int h = 0; h < s.heads; ++h)
            for (int t = 0; t < s.length; ++t) scan_.a[h * s.length + t] = dt_[t][h] * w.A[0][h];
        for (T &v : scan_.a) v = exponential(v);
        for (int t = 0; t < s.length; ++t) {
            const T *active = active_[t];
            for (int h = 0; h < s.heads; ++h) {
                T *u = &scan_.u[(size_t(h) * s.length + t) * scan_.P];
                for (int p = 0; p < P; ++p) u[p] = active[h * P + p] * dt_[t][h];
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
            T *gated = gated_[t];
            const T *z = parts_.z[t], *active = active_[t];
            for (int h = 0; h < s.heads; ++h) {
                T *y = &scan_.y[(size_t(h) * s.length + t) * scan_.P];
                for (int p = 0; p < P; ++p) gated[h * P + p] = y[p] += w.D[0][h] * active[h * P + p];
            }
#pragma GCC ivdep
            for (int e = 0; e < s.inner; ++e) gated[e] *= z[e] * sigmoid(z[e]);
            const T scale = inverse_rms(gated, s.inner, eps_);
            for (int e = 0; e < s.inner; ++e) normed_gated_[t][e] = gated[e] * scale * w.gate_norm[0][e];
        }
    }

    // Through the output projection, the gated norm and the gate.
    void backward_out(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        const int P = s.head_size();
        outer(normed_gated_, g_result, g.out);
        product(g_result, back.out, g_wide_, false);
        std::vector<T> g_gated(s.inner);
        for (int t = 0; t < s.length; ++t) {
            std::fill(g_gated.begin(), g_gated.end(), T(0));
            rms_norm_backward(gated_[t], s.inner, eps_, w.gate_norm[0], g_wide_[t], g_gated.data(), g.gate_norm[0]);
            const T *z = parts_.z[t], *active = active_[t];
            T *g_z = g_parts_.z[t], *g_active = g_active_[t];
            for (int h = 0; h < s.heads; ++h) {
                const size_t at = (size_t(h) * s.length + t) * scan_.P;
                const T *y = &scan_.y[at], d = w.D[0][h];
                T *g_y = &scan_.g_y[at], sum = 0;
#pragma GCC ivdep
                for (int p = 0; p < P; ++p) {
                    const int e = h * P + p;
                    const T sig = sigmoid(z[e]);
                    g_y[p] = g_gated[e] * z[e] * sig;
                    g_z[e] = g_gated[e] * y[p] * sig * (T(1) + z[e] * (T(1) - sig));
                    g_active[e] = g_y[p] * d;
                    sum += g_y[p] * active[e];
                }
                g.D[0][h] += sum;
            }
        }
    }

    // From u, b, c and decay to the activations and the step size.
    void backward_scan_inputs(const Weights<T> &w, Weights<T> &g) {
        const int P = s.head_size();
        for (int t = 0; t < s.length; ++t) {
            const T *active = active_[t];
            T *g_active = g_active_[t];
            for (int n = 0; n < s.states; ++n) {
                g_active[s.inner + n] = scan_.g_b[size_t(t) * scan_.N + n];
                g_active[s.inner + s.states + n] = scan_.g_c[size_t(t) * scan_.N + n];
            }
            for (int h = 0; h < s.heads; ++h) {
                const T *g_u = &scan_.g_u[(size_t(h) * s.length + t) * scan_.P], dt = dt_[t][h];
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
        const int M = s.mixed();
        for (int t = 0; t < s.length; ++t) {
            T *g_pre = g_active_[t], *g_bias = g.bias[0];
            const T *pre = pre_[t];
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) {
                g_pre[m] *= silu_slope(pre[m]);
                g_bias[m] += g_pre[m];
            }
        }
        for (int t = 0; t < s.length; ++t) {
            T *g_in = g_parts_.mixed[t];
            const T *in = parts_.mixed[t];
            std::memset(g_in, 0, sizeof(T) * M);
            for (int k = 0; k < s.taps; ++k) {
                const int to = t + s.lead() - k;  // the output that tap k carries this input to
                if (to < 0 || to >= s.length) continue;
                const T *g_pre = g_active_[to], *tap = w.taps[k];
                T *g_tap = g.taps[k];
#pragma GCC ivdep
                for (int m = 0; m < M; ++m) {
                    g_in[m] += tap[m] * g_pre[m];
                    g_tap[m] += in[m] * g_pre[m];
                }
            }
        }
    }

    // Through the input projection and the norm, beside the residual.
    void backward_in(const Weights<T> &w, const Projections<T> &back, Weights<T> &g) {
        outer(normed_, g_parts_.z, g.in.z);
        outer(normed_, g_parts_.mixed, g.in.mixed);
        outer(normed_, g_parts_.dt, g.in.dt);
        Matrix<T> &g_normed = result;  // no longer needed
        product(g_parts_.z, back.z, g_normed, false);
        product(g_parts_.mixed, back.mixed, g_normed, true);
        product(g_parts_.dt, back.dt, g_normed, true);
        g_x.data = g_result.data;
        for (int t = 0; t < s.length; ++t)
            rms_norm_backward(x[t], s.channels, eps_, w.norm[0], g_normed[t], g_x[t], g.norm[0]);
    }
};

}  // namespace lipstream
