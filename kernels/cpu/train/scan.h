// The state-space scan of one row (kernels/reference/ssd.py: ssd_chunked, ssd_two_sided), forward and backward.
//
// Names and shapes of a row: L positions, H heads of P values, N states; U = dt x and Y [L][H][P], B and C [L][N],
// decay a = exp(dt A) [H][L], state [N][P]. A tile of the state stays in registers while a pass runs along the row.
// Every gradient but that of the decay is such a pass as well, with other parts in the places of U, B and C, so
// that nothing is kept, transposed or summed across a vector.

#pragma once

#include <algorithm>

#include "../common/vectors.h"
#include "gemm.h"
#include "squares.h"

namespace lipstream {

// Runs along a row: state[i] = decay * state[i] + in[i] * x, y += sum of out[i] * state[i].
template <typename T>
struct Pass {
    int length, rows, columns;  // rows and columns of the state, padded
    bool ahead;                 // from the first position to the last, or the other way
    bool own;                   // whether a position hears itself
    const T *decay;             // [L], at each position as it is reached
    const T *x;                 // [L][columns]
    const T *in, *out;          // [L][rows]
    T *y;                       // [L][columns], added to
    int across, along;          // from one position to the next: of x and y, of in and out
    T *last = nullptr;          // [rows][columns], the state after the pass
};

// A tile of the state, as many rows as a vector has lanes, kWide vectors of each: rows from i, columns from j.
template <typename T, bool kOwn, int kWide>
inline void run_tile(const Pass<T> &pass, int i, int j) {
    using V = typename Simd<T>::vector;
    constexpr int rows = Simd<T>::lanes, lanes = Simd<T>::lanes;
    const Pass<T> p = pass;  // what is written might be the pass itself, as far as the compiler knows
    V state[rows][kWide] = {};
    for (int k = 0; k < p.length; ++k) {
        const long t = p.ahead ? k : p.length - 1 - k;
        const T *in = p.in + t * p.along + i, *out = p.out + t * p.along + i, decay = p.decay[t];
        const T *x_at = p.x + t * p.across + j;
        T *y_at = p.y + t * p.across + j;
        V x[kWide], even[kWide], odd[kWide] = {};
        for (int w = 0; w < kWide; ++w) {
            x[w] = vector_at(x_at + w * lanes);
            even[w] = vector_at(y_at + w * lanes);
        }
#pragma GCC unroll 16
        for (int n = 0; n < rows; ++n)
#pragma GCC unroll 4
            for (int w = 0; w < kWide; ++w) {
                const V before = decay * state[n][w];
                state[n][w] = before + in[n] * x[w];
                (n % 2 ? odd : even)[w] += out[n] * (kOwn ? state[n][w] : before);
            }
        for (int w = 0; w < kWide; ++w) vector_at(y_at + w * lanes) = even[w] + odd[w];
    }
    if (p.last)
        for (int n = 0; n < rows; ++n)
            for (int w = 0; w < kWide; ++w) vector_at(p.last + long(i + n) * p.columns + j + w * lanes) = state[n][w];
}

// Half of the registers hold a tile, where vectors are so narrow that this takes more than one beside another.
template <typename T, int kWide = std::clamp(kRegisters / 2 / Simd<T>::lanes, 1, 4)>
__attribute__((noinline)) void run(const Pass<T> &pass, int j = 0) {
    constexpr int lanes = Simd<T>::lanes;
    for (; j + kWide * lanes <= pass.columns; j += kWide * lanes)
        for (int i = 0; i < pass.rows; i += lanes)
            pass.own ? run_tile<T, true, kWide>(pass, i, j) : run_tile<T, false, kWide>(pass, i, j);
    if constexpr (kWide > 1)
        if (j < pass.columns) run<T, kWide - 1>(pass, j);
}

template <typename T, typename Shape>
class Scan {
  public:
    Shape s;
    int P, N;  // padded
    Buffer<T> u, y, future;
    Buffer<T> g_u, g_y, g_log_a;  // gradients of a loss
    // B and C of the first position, and the places of their gradients, which are added to; numbers from one position
    // to the next of either. They lie where others keep them.
    const T *b = nullptr, *c = nullptr;
    T *g_b = nullptr, *g_c = nullptr;
    int along = 0;

    Scan(const Shape &shape, bool backward)
        : s(shape), P(padded<T>(s.head_size())), N(padded<T>(s.states)), u(size_t(s.length) * s.heads * P), y(u.size()),
          future(s.two_sided ? u.size() : 0),
          decays_(size_t(s.heads) * (s.length + 2), T(1)), last_(s.two_sided ? 0 : size_t(s.heads) * N * P) {
        if (!backward) return;
        for (auto *v : {&g_u, &g_y}) v->resize(u.size());
        g_log_a.resize(size_t(s.heads) * s.length);
        g_future_.resize(future.size());
        balance_.resize(s.length);
    }

    // The decays of a head, [L]; a number before and after them may be read but has no effect.
    T *a(int head) { return &decays_[size_t(head) * (s.length + 2) + 1]; }

    // State of a head after the last position, [N][P].
    const T *last(int head) const { return &last_[size_t(head) * N * P]; }

    // Where a head of u or y begins at a position.
    size_t at(int t, int h) const { return (size_t(t) * s.heads + h) * P; }

    // y (and future) from u, b, c and a: what is heard of the past and present, and, if two-sided, of the future.
    void forward() {
        std::fill(y.begin(), y.end(), T(0));
        std::fill(future.begin(), future.end(), T(0));
        for (int h = 0; h < s.heads; ++h) {
            T *last = s.two_sided ? nullptr : &last_[size_t(h) * N * P];
            run<T>({s.length, N, P, true, true, a(h), &u[at(0, h)], b, c, &y[at(0, h)], width(), along, last});
            if (!s.two_sided) continue;
            run<T>({s.length, N, P, false, false, a(h), &u[at(0, h)], b, c, &future[at(0, h)], width(), along});
        }
    }

    // g_u and g_log_a from g_y, added to g_b and g_c, after `forward` of the same row.
    void backward() {
        for (auto *v : {&g_u, &g_future_}) std::fill(v->begin(), v->end(), T(0));
        for (int h = 0; h < s.heads; ++h) {
            backward_pass(h, a(h), a(h) + 1, g_u, true);
            if (s.two_sided) backward_pass(h, a(h), a(h) - 1, g_future_, false);
            backward_decay(h);
        }
        for (size_t i = 0; i < g_future_.size(); ++i) g_u[i] += g_future_[i];
    }

  private:
    Buffer<T> decays_, last_, g_future_, balance_;

    size_t at(int head) const { return size_t(head) * s.length * P; }

    int width() const { return s.heads * P; }

    // The adjoint of a pass runs against it: it meets the decay between two positions at the other one of them.
    void backward_pass(int h, const T *decay, const T *against, Buffer<T> &g_u_of, bool ahead) {
        const T *u_head = &u[at(0, h)], *gy = &g_y[at(0, h)];
        run<T>({s.length, N, P, !ahead, ahead, against, gy, c, b, &g_u_of[at(0, h)], width(), along});
        run<T>({s.length, P, N, !ahead, ahead, against, c, gy, u_head, g_b, along, width()});
        run<T>({s.length, P, N, ahead, ahead, decay, b, u_head, gy, g_c, along, width()});
    }

    // The gradient G of a state h and the state itself: <G, h> grows by what the output took from the state and shrinks
    // by what the input gave to it, so that <G, decay * h before> needs neither of them.
    void backward_decay(int h) {
        T *g_log = &g_log_a[size_t(h) * s.length], along = 0;
        balance(h, y, g_u, g_log);
        for (int t = s.length - 1; t >= 0; --t) g_log[t] = along += g_log[t];
        if (!s.two_sided) return;
        balance(h, future, g_future_, balance_.data());
        along = 0;
        for (int t = 0; t < s.length; ++t) g_log[t] += along += balance_[t];
    }

    // <g_y, y> - <g_u, u> at each position.
    void balance(int h, const Buffer<T> &y_of, const Buffer<T> &g_u_of, T *out) const {
        sum_rows<T>(s.length, [&](int t) {
            typename Simd<T>::vector sum = {};
            for (size_t i = at(t, h), end = i + P; i < end; i += Simd<T>::lanes)
                sum += vector_at(&g_y[i]) * vector_at(&y_of[i]) - vector_at(&g_u_of[i]) * vector_at(&u[i]);
            return sum;
        }, out);
    }
};

}  // namespace lipstream
