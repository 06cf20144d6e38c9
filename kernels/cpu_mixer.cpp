// The inside of a Mamba-2 mixer, forward and backward, one row at a time so that everything stays in cache:
// short convolution, SiLU, softplus, state-space scan (one direction or two), gate and RMS norm.
// The pure-torch composition in models/mamba2.py is its oracle; the formulas are those of kernels/ssd.py.
//
// Shapes: projected [R, L, W] with W = E (gate z) + M (x, B, C; M = E + 2N) + H (dt), out [R, L, E].
// The state is kept as [N][E] so that the inner loops run over E, which is contiguous.

#include <cmath>
#include <cstring>
#include <vector>

namespace {

struct Shape {
    int rows, length, inner, state, heads, taps, two_sided;
    int mixed() const { return inner + 2 * state; }
    int width() const { return inner + mixed() + heads; }
    int head_size() const { return inner / heads; }
    int lead() const { return two_sided ? taps / 2 : taps - 1; }  // taps that look back
};

template <typename T>
struct Weights {
    const T *taps /* [M][K] */, *bias /* [M] */, *dt_bias, *A, *D /* [H] */, *norm /* [E] */;
    T eps;
};

template <typename T>
struct Grads {
    T *taps, *bias, *dt_bias, *A, *D, *norm;
};

// The exponent is bounded because the fast reciprocal of infinity is not 0 but NaN.
template <typename T>
inline T sigmoid(T x) { return T(1) / (T(1) + std::exp(x > T(-80) ? -x : T(80))); }

// log(1 + e^x) without branches, so that a loop over it vectorises; the series serves where 1 + y would round y away.
template <typename T>
inline T softplus(T x) {
    const T y = std::exp(x < T(20) ? x : T(20));
    if constexpr (sizeof(T) == 8) return x < T(20) ? std::log1p(y) : x;
    const T log = y < T(0.03) ? y * (T(1) - y * (T(0.5) - y * (T(1) / 3 - y / 4))) : std::log(T(1) + y);
    return x < T(20) ? log : x;
}

// What one row needs between its projections; reused from row to row.
template <typename T>
struct Scratch {

    std::vector<T> pre, act, dt, kept, decay, u, y, gated, history[2], taps;  // forward
    std::vector<T> g_y, g_act, g_dt, g_u, g_h, g_pre, g_decay;          // backward
    Scratch(const Shape &s, bool backward)
        : pre(s.length * s.mixed()), act(s.length * s.mixed()), dt(s.length * s.heads), kept(s.length * s.heads), decay(s.length * s.inner),
          u(s.length * s.inner), y(s.length * s.inner), gated(s.inner), taps(s.taps * s.mixed()) {
        const int states = (backward ? s.length : 0) + 1;
        history[0].resize(size_t(states) * s.state * s.inner);
        if (s.two_sided) history[1].resize(history[0].size());
        if (!backward) return;
        g_y.resize(y.size()); g_act.resize(act.size()); g_dt.resize(dt.size()); g_u.resize(u.size());
        g_h.resize(size_t(s.state) * s.inner); g_pre.resize(pre.size());
        g_decay.resize(s.inner);
    }
};

// Short convolution and its activation, step sizes and decays of one row.
template <typename T>
void prepare(const Shape &s, const Weights<T> &w, const T *row, Scratch<T> &k) {
    const int M = s.mixed(), W = s.width(), P = s.head_size(), H = s.heads, steps = s.length * H;
    for (int t = 0; t < s.length; ++t)
        for (int h = 0; h < H; ++h) k.dt[t * H + h] = row[t * W + s.inner + M + h] + w.dt_bias[h];
    for (int i = 0; i < steps; ++i) k.dt[i] = softplus(k.dt[i]);
    for (int t = 0; t < s.length; ++t)
        for (int h = 0; h < H; ++h) k.kept[t * H + h] = k.dt[t * H + h] * w.A[h];
    for (int i = 0; i < steps; ++i) k.kept[i] = std::exp(k.kept[i]);
    for (int t = 0; t < s.length; ++t) {
        T *pre = &k.pre[t * M], *act = &k.act[t * M];
        std::memcpy(pre, w.bias, sizeof(T) * M);
        for (int j = 0; j < s.taps; ++j) {
            const int from = t - s.lead() + j;
            if (from < 0 || from >= s.length) continue;
            const T *x = row + from * W + s.inner, *tap = &k.taps[j * M];
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) pre[m] += tap[m] * x[m];
        }
#pragma GCC ivdep
        for (int m = 0; m < M; ++m) act[m] = pre[m] * sigmoid(pre[m]);
        for (int h = 0; h < H; ++h) {
            const T dt = k.dt[t * H + h], a = k.kept[t * H + h];
#pragma GCC ivdep
            for (int p = h * P; p < (h + 1) * P; ++p) {
                k.decay[t * s.inner + p] = a;
                k.u[t * s.inner + p] = act[p] * dt;
            }
        }
    }
}

// One direction of the scan; adds its output to k.y. With `keep` every state is left in the history.
// kE, kN: sizes known at compile time, so that the loops unroll into registers; 0 where they are not.
template <typename T, int kE, int kN>
void scan_sized(const Shape &s, Scratch<T> &k, bool reverse, bool keep) {
    const int E = kE ? kE : s.inner, N = kN ? kN : s.state, M = s.mixed(), size = N * E;
    T *history = k.history[reverse].data();
    std::memset(history, 0, sizeof(T) * size);
    for (int i = 0; i < s.length; ++i) {
        const int t = reverse ? s.length - 1 - i : i;
        const T *B = &k.act[t * M + E], *C = B + N, *a = &k.decay[t * E], *u = &k.u[t * E];
        const T *before = history + (keep ? size_t(i) * size : 0);
        T *h = history + (keep ? size_t(i + 1) * size : 0), *y = &k.y[t * E];
        for (int n = 0; n < N; ++n) {
            const T b = B[n], c = C[n];
#pragma GCC ivdep
            for (int e = 0; e < E; ++e) {
                const T next = a[e] * before[n * E + e] + b * u[e];
                h[n * E + e] = next;
                y[e] += c * next;
            }
        }
    }
}

// Calls FUNCTION with the sizes of the shipped models at compile time, or with any.
#define SIZED(FUNCTION, ...)                                              \
    if (s.inner == 64 && s.state == 16) FUNCTION<T, 64, 16>(__VA_ARGS__); \
    else if (s.inner == 96 && s.state == 16) FUNCTION<T, 96, 16>(__VA_ARGS__); \
    else FUNCTION<T, 0, 0>(__VA_ARGS__)

template <typename T>
void scan(const Shape &s, Scratch<T> &k, bool reverse, bool keep) { SIZED(scan_sized, s, k, reverse, keep); }

// y = D x (+ both scans - the diagonal they share).
template <typename T>
void mix(const Shape &s, const Weights<T> &w, Scratch<T> &k, bool keep) {
    const int E = s.inner, N = s.state, M = s.mixed(), P = s.head_size();
    for (int t = 0; t < s.length; ++t) {
        const T *x = &k.act[t * M], *B = x + E, *C = B + N;
        T shared = 0;
        if (s.two_sided) for (int n = 0; n < N; ++n) shared += B[n] * C[n];
#pragma GCC ivdep
        for (int e = 0; e < E; ++e) k.y[t * E + e] = w.D[e / P] * x[e] - shared * k.u[t * E + e];
    }
    scan(s, k, false, keep);
    if (s.two_sided) scan(s, k, true, keep);
}

template <typename T>
T gate(const Shape &s, const Weights<T> &w, const T *z, const T *y, T *gated) {
    T power = 0;
#pragma GCC ivdep
    for (int e = 0; e < s.inner; ++e) {
        gated[e] = y[e] * z[e] * sigmoid(z[e]);
        power += gated[e] * gated[e];
    }
    return T(1) / std::sqrt(power / s.inner + w.eps);
}

template <typename T>
void forward_row(const Shape &s, const Weights<T> &w, const T *row, Scratch<T> &k, T *out, T *last) {
    prepare(s, w, row, k);
    mix(s, w, k, false);
    for (int t = 0; t < s.length; ++t) {
        const T scale = gate(s, w, row + t * s.width(), &k.y[t * s.inner], k.gated.data());
#pragma GCC ivdep
        for (int e = 0; e < s.inner; ++e) out[t * s.inner + e] = k.gated[e] * scale * w.norm[e];
    }
    for (int e = 0; e < s.inner; ++e)  // [E, N], as the reference keeps it
        for (int n = 0; n < s.state; ++n) last[e * s.state + n] = k.history[0][n * s.inner + e];
}

// Gradient of one direction of the scan: into g_act (B and C), g_u and, through the decay, g_dt and g.A.
template <typename T, int kE, int kN>
void scan_backward_sized(const Shape &s, const Weights<T> &w, Scratch<T> &k, Grads<T> &g, bool reverse) {
    const int E = kE ? kE : s.inner, N = kN ? kN : s.state, M = s.mixed(), P = s.head_size(), size = N * E;
    T *gh = k.g_h.data(), *ga = k.g_decay.data();
    std::memset(gh, 0, sizeof(T) * size);
    for (int i = s.length - 1; i >= 0; --i) {
        const int t = reverse ? s.length - 1 - i : i;
        const T *before = &k.history[reverse][size_t(i) * size], *h = before + size;
        const T *B = &k.act[t * M + E], *C = B + N, *a = &k.decay[t * E], *u = &k.u[t * E], *gy = &k.g_y[t * E];
        T *gB = &k.g_act[t * M + E], *gC = gB + N, *gu = &k.g_u[t * E];
        std::memset(ga, 0, sizeof(T) * E);
        for (int n = 0; n < N; ++n) {
            const T b = B[n], c = C[n];
            T sum_b = 0, sum_c = 0;
#pragma GCC ivdep
            for (int e = 0; e < E; ++e) {
                const int j = n * E + e;
                const T grad = gh[j] + c * gy[e];
                sum_c += gy[e] * h[j];
                sum_b += grad * u[e];
                gu[e] += b * grad;
                ga[e] += grad * before[j];
                gh[j] = grad * a[e];
            }
            gB[n] += sum_b;
            gC[n] += sum_c;
        }
        for (int q = 0; q < s.heads; ++q) {
            T sum = 0;
            for (int p = q * P; p < (q + 1) * P; ++p) sum += ga[p];
            sum *= k.kept[t * s.heads + q];
            k.g_dt[t * s.heads + q] += sum * w.A[q];
            g.A[q] += sum * k.dt[t * s.heads + q];
        }
    }
}

template <typename T>
void scan_backward(const Shape &s, const Weights<T> &w, Scratch<T> &k, Grads<T> &g, bool reverse) {
    SIZED(scan_backward_sized, s, w, k, g, reverse);
}

template <typename T>
void gate_backward(const Shape &s, const Weights<T> &w, const T *z, const T *y, const T *g_out, T *gated, T *g_y,
                   T *g_z, T *g_norm) {
    const T scale = gate(s, w, z, y, gated);
    T along = 0;
#pragma GCC ivdep
    for (int e = 0; e < s.inner; ++e) {
        along += g_out[e] * w.norm[e] * gated[e];
        g_norm[e] += g_out[e] * gated[e] * scale;
    }
    along *= scale * scale * scale / s.inner;
#pragma GCC ivdep
    for (int e = 0; e < s.inner; ++e) {
        const T grad = g_out[e] * w.norm[e] * scale - gated[e] * along, sig = sigmoid(z[e]);
        g_y[e] = grad * z[e] * sig;
        g_z[e] = grad * y[e] * sig * (T(1) + z[e] * (T(1) - sig));
    }
}

template <typename T>
void backward_row(const Shape &s, const Weights<T> &w, const T *row, const T *g_out, Scratch<T> &k, T *g_row,
                  Grads<T> &g) {
    const int E = s.inner, N = s.state, M = s.mixed(), W = s.width(), P = s.head_size();
    prepare(s, w, row, k);
    mix(s, w, k, true);
    std::fill(k.g_act.begin(), k.g_act.end(), T(0));
    std::fill(k.g_dt.begin(), k.g_dt.end(), T(0));
    std::fill(k.g_u.begin(), k.g_u.end(), T(0));
    for (int t = 0; t < s.length; ++t)
        gate_backward(s, w, row + t * W, &k.y[t * E], g_out + t * E, k.gated.data(), &k.g_y[t * E], g_row + t * W,
                      g.norm);
    scan_backward(s, w, k, g, false);
    if (s.two_sided) scan_backward(s, w, k, g, true);
    for (int t = 0; t < s.length; ++t) {
        const T *x = &k.act[t * M], *B = x + E, *C = B + N, *gy = &k.g_y[t * E], *u = &k.u[t * E];
        T *g_act = &k.g_act[t * M], *gu = &k.g_u[t * E];
        if (s.two_sided) {
            T shared = 0, g_shared = 0;
            for (int n = 0; n < N; ++n) shared += B[n] * C[n];
            for (int e = 0; e < E; ++e) {
                g_shared -= gy[e] * u[e];
                gu[e] -= shared * gy[e];
            }
            for (int n = 0; n < N; ++n) {
                g_act[E + n] += g_shared * C[n];
                g_act[E + N + n] += g_shared * B[n];
            }
        }
        const T *raw = row + t * W + E + M;
        for (int q = 0; q < s.heads; ++q) {
            const T dt = k.dt[t * s.heads + q], d = w.D[q];
            T sum = k.g_dt[t * s.heads + q], g_d = 0;
#pragma GCC ivdep
            for (int p = q * P; p < (q + 1) * P; ++p) {
                sum += gu[p] * x[p];
                g_d += gy[p] * x[p];
                g_act[p] = gu[p] * dt + gy[p] * d;
            }
            g.D[q] += g_d;
            const T g_raw = sum * sigmoid(raw[q] + w.dt_bias[q]);
            g_row[t * W + E + M + q] = g_raw;
            g.dt_bias[q] += g_raw;
        }
        const T *pre = &k.pre[t * M];
        T *g_pre = &k.g_pre[t * M];
#pragma GCC ivdep
        for (int m = 0; m < M; ++m) {
            const T sig = sigmoid(pre[m]);
            g_pre[m] = g_act[m] * sig * (T(1) + pre[m] * (T(1) - sig));
            g.bias[m] += g_pre[m];
        }
    }
    for (int t = 0; t < s.length; ++t) {
        T *g_x = g_row + t * W + E;
        const T *x = row + t * W + E;
        std::memset(g_x, 0, sizeof(T) * M);
        for (int j = 0; j < s.taps; ++j) {
            const int to = t + s.lead() - j;  // the output that tap j carries this input to
            if (to < 0 || to >= s.length) continue;
            const T *g_pre = &k.g_pre[to * M], *tap = &k.taps[j * M];
            T *g_tap = g.taps + j * M;
#pragma GCC ivdep
            for (int m = 0; m < M; ++m) {
                g_x[m] += tap[m] * g_pre[m];
                g_tap[m] += x[m] * g_pre[m];
            }
        }
    }
}

template <typename T>
void load_taps(const Shape &s, const Weights<T> &w, Scratch<T> &k) {  // [M][K] -> [K][M]
    for (int m = 0; m < s.mixed(); ++m)
        for (int j = 0; j < s.taps; ++j) k.taps[j * s.mixed() + m] = w.taps[m * s.taps + j];
}

template <typename T>
void forward(const int *dims, const T *projected, const T *const *weights, T eps, int threads, T *out, T *last) {
    const Shape s{dims[0], dims[1], dims[2], dims[3], dims[4], dims[5], dims[6]};
    const Weights<T> w{weights[0], weights[1], weights[2], weights[3], weights[4], weights[5], eps};
#pragma omp parallel num_threads(threads)
    {
        Scratch<T> scratch(s, false);
        load_taps(s, w, scratch);
#pragma omp for schedule(static)
        for (int r = 0; r < s.rows; ++r)
            forward_row(s, w, projected + size_t(r) * s.length * s.width(), scratch,
                        out + size_t(r) * s.length * s.inner, last + size_t(r) * s.inner * s.state);
    }
}

// Gradients of the weights come as one array for each thread, that of the taps as [K][M]; the caller adds them up.
template <typename T>
void backward(const int *dims, const T *projected, const T *const *weights, T eps, int threads, const T *g_out,
              T *g_projected, T *g_weights) {
    const Shape s{dims[0], dims[1], dims[2], dims[3], dims[4], dims[5], dims[6]};
    const Weights<T> w{weights[0], weights[1], weights[2], weights[3], weights[4], weights[5], eps};
    const int M = s.mixed(), H = s.heads, each = M * s.taps + M + 3 * H + s.inner;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; ++part) {
        T *base = g_weights + size_t(part) * each;
        Grads<T> g{base, base + M * s.taps, base + M * (s.taps + 1), base + M * (s.taps + 1) + H,
                   base + M * (s.taps + 1) + 2 * H, base + M * (s.taps + 1) + 3 * H};
        Scratch<T> scratch(s, true);
        load_taps(s, w, scratch);
        for (int r = part; r < s.rows; r += threads) {
            const size_t at = size_t(r) * s.length;
            backward_row(s, w, projected + at * s.width(), g_out + at * s.inner, scratch,
                         g_projected + at * s.width(), g);
        }
    }
}

}  // namespace

#define EXPORT(T, name)                                                                                              \
    extern "C" void mixer_forward_##name(const int *dims, const T *projected, const T *const *weights, T eps,        \
                                         int threads, T *out, T *last) {                                             \
        forward<T>(dims, projected, weights, eps, threads, out, last);                                               \
    }                                                                                                                \
    extern "C" void mixer_backward_##name(const int *dims, const T *projected, const T *const *weights, T eps,       \
                                          int threads, const T *g_out, T *g_projected, T *g_weights) {               \
        backward<T>(dims, projected, weights, eps, threads, g_out, g_projected, g_weights);                          \
    }
EXPORT(float, float)
EXPORT(double, double)
