// The state-space scan of one row in its matrix form (kernels/ssd.py: ssd_chunked, ssd_two_sided), forward and backward.
//
// Within a chunk the scan of a head is one product with (C B^T) * decay; causal scans carry their state from
// chunk to chunk, two-sided ones have a single chunk and no state. Names and shapes of a row: L positions, H heads
// of P values, N states; U = dt x and Y [H][L][P], B and C [L][N], decay a = exp(dt A) [H][L], state [N][P].

#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "gemm.h"

namespace lipstream {

constexpr int kCausalChunk = 32;

template <typename T, typename Shape>
class Scan {
  public:
    Shape s;
    int chunk, P, N, Q;  // positions of a chunk; padded strides
    std::vector<T> u, y, b, c, a;
    std::vector<T> g_u, g_y, g_b, g_c, g_log_a;  // gradients of a loss

    Scan(const Shape &shape, bool backward)
        : s(shape), chunk(s.two_sided ? s.length : std::min(kCausalChunk, s.length)), P(padded<T>(s.head_size())),
          N(padded<T>(s.states)), Q(padded<T>(chunk)), u(size_t(s.heads) * s.length * P), y(u.size()),
          b(size_t(s.length) * N), c(b.size()), a(size_t(s.heads) * s.length), scores_(size_t(chunk) * Q),
          past_(scores_.size()), future_(s.two_sided ? scores_.size() : 0), mixed_(scores_.size()),
          scaled_(size_t(chunk) * N), b_transposed_(size_t(s.states) * Q),
          before_(size_t(chunks() + 1) * s.heads * s.states * P) {
        if (!backward) return;
        for (auto *v : {&g_u, &g_y}) v->resize(u.size());
        for (auto *v : {&g_b, &g_c}) v->resize(b.size());
        g_log_a.resize(a.size());
        g_scores_.resize(scores_.size());
        g_mixed_.resize(scores_.size());
        u_transposed_.resize(size_t(s.head_size()) * Q);
        state_transposed_.resize(size_t(s.head_size()) * N);
        g_scaled_.resize(scaled_.size());
        g_after_.resize(size_t(s.heads) * s.states * P);
        by_cumulated_.resize(Q);
        columns_.resize(Q);
    }

    int chunks() const { return (s.length + chunk - 1) / chunk; }

    // State of a head after the last position, [N][P].
    const T *last(int head) const { return &before_[state_at(chunks(), head)]; }

    // y from u, b, c, a; keeps the state before each chunk.
    void forward() {
        std::fill_n(before_.begin(), size_t(s.heads) * s.states * P, T(0));
        for (int k = 0; k < chunks(); ++k) {
            const int start = k * chunk, count = std::min(chunk, s.length - start);
            score(start, count);
            for (int h = 0; h < s.heads; ++h) forward_head(k, h, start, count);
        }
    }

    // g_u, g_b, g_c, g_log_a from g_y, after `forward` of the same row.
    void backward() {
        std::fill(g_b.begin(), g_b.end(), T(0));
        std::fill(g_c.begin(), g_c.end(), T(0));
        std::fill(g_after_.begin(), g_after_.end(), T(0));
        for (int k = chunks() - 1; k >= 0; --k) {
            const int start = k * chunk, count = std::min(chunk, s.length - start);
            score(start, count);
            std::fill(g_scores_.begin(), g_scores_.end(), T(0));
            for (int h = 0; h < s.heads; ++h) backward_head(k, h, start, count);
            gemm(count, N, count, plain(g_scores_.data(), Q), &b[size_t(start) * N], N, &g_c[size_t(start) * N], N, true);
            gemm(count, N, count, transposed(g_scores_.data(), Q), &c[size_t(start) * N], N, &g_b[size_t(start) * N], N,
                 true);
        }
    }

  private:
    std::vector<T> scores_, past_, future_, mixed_, scaled_, b_transposed_, before_;
    std::vector<T> g_scores_, g_mixed_, u_transposed_, state_transposed_, g_scaled_, g_after_, by_cumulated_, columns_;

    size_t state_at(int k, int head) const { return (size_t(k) * s.heads + head) * s.states * P; }

    // scores = C B^T of a chunk.
    void score(int start, int count) {
        transpose(count, s.states, &b[size_t(start) * N], N, b_transposed_.data(), Q);
        gemm(count, Q, s.states, plain(&c[size_t(start) * N], N), b_transposed_.data(), Q, scores_.data(), Q, false);
    }

    // past[t][from]: what is left at t of what came in before, and at, it; future: of what comes after it (two-sided).
    // Whole rows, zeros and all, are faster than half of them.
    void decay(const T *a_head, int count) {
        for (int t = 0; t < count; ++t) {
            T *row = &past_[size_t(t) * Q];
            const T *previous = row - (t > 0 ? Q : 0);
            if (t == 0) std::fill_n(row, Q, T(0));
            for (int i = 0; i < Q; ++i) row[i] = previous[i] * a_head[t];
            row[t] = T(1);
        }
        if (s.two_sided) std::fill_n(&future_[size_t(count - 1) * Q], Q, T(0));
        for (int t = s.two_sided ? count - 2 : -1; t >= 0; --t) {
            T *row = &future_[size_t(t) * Q];
            const T *next = row + Q;
            for (int i = 0; i < Q; ++i) row[i] = next[i] * a_head[t];
            row[t + 1] = a_head[t];
        }
        if (s.two_sided)
            for (int i = 0; i < count * Q; ++i) mixed_[i] = scores_[i] * (past_[i] + future_[i]);
        else
            for (int i = 0; i < count * Q; ++i) mixed_[i] = scores_[i] * past_[i];
    }

    // scaled[t] = from[t] * (decay from the chunk's begin to t, or from t to its end).
    void scale(const T *from, const T *a_head, int count, bool to_end) {
        for (int t = 0; t < count; ++t) {
            const T factor = to_end ? past_[size_t(count - 1) * Q + t] : a_head[0] * past_[size_t(t) * Q];
            for (int n = 0; n < N; ++n) scaled_[size_t(t) * N + n] = from[size_t(t) * N + n] * factor;
        }
    }

    void forward_head(int k, int h, int start, int count) {
        const T *a_head = &a[size_t(h) * s.length + start], *u_head = &u[(size_t(h) * s.length + start) * P];
        T *y_head = &y[(size_t(h) * s.length + start) * P];
        decay(a_head, count);
        // A causal position hears nothing after it: rows in groups, each as deep as its last row.
        for (int t = 0; t < count; t += 8) {
            const int rows = std::min(8, count - t), depth = s.two_sided ? count : t + rows;
            gemm(rows, P, depth, plain(&mixed_[size_t(t) * Q], Q), u_head, P, y_head + size_t(t) * P, P, false);
        }
        if (s.two_sided) return;
        const T *before = &before_[state_at(k, h)];
        T *after = &before_[state_at(k + 1, h)];
        scale(&c[size_t(start) * N], a_head, count, false);
        gemm(count, P, s.states, plain(scaled_.data(), N), before, P, y_head, P, true);
        const T kept = a_head[0] * past_[size_t(count - 1) * Q];
        for (int i = 0; i < s.states * P; ++i) after[i] = before[i] * kept;
        scale(&b[size_t(start) * N], a_head, count, true);
        gemm(s.states, P, count, transposed(scaled_.data(), N), u_head, P, after, P, true);
    }

    void backward_head(int k, int h, int start, int count) {
        const size_t at = (size_t(h) * s.length + start) * P;
        const T *a_head = &a[size_t(h) * s.length + start], *u_head = &u[at], *gy_head = &g_y[at];
        T *gu_head = &g_u[at], *v = by_cumulated_.data();
        decay(a_head, count);
        gemm(count, P, count, transposed(mixed_.data(), Q), gy_head, P, gu_head, P, false);
        transpose(count, s.head_size(), u_head, P, u_transposed_.data(), Q);
        gemm(count, Q, s.head_size(), plain(gy_head, P), u_transposed_.data(), Q, g_mixed_.data(), Q, false);
        if (s.two_sided)
            for (int i = 0; i < count * Q; ++i) g_scores_[i] += g_mixed_[i] * (past_[i] + future_[i]);
        else
            for (int i = 0; i < count * Q; ++i) g_scores_[i] += g_mixed_[i] * past_[i];
        std::fill_n(v, Q, T(0));
        T *g_log = &g_log_a[size_t(h) * s.length + start];
        std::fill_n(g_log, count, T(0));
        if (s.two_sided)
            backward_future(count, g_log);
        else
            backward_state(k, h, start, count, a_head, u_head, gy_head, gu_head);
        backward_past(count, g_log);
    }

    // past[t][from] = exp(l[t] - l[from]), l the sum of log a up to and with its index: rows add, columns subtract.
    void backward_past(int count, T *g_log) {
        T *v = by_cumulated_.data();
        for (int t = 0; t < count; ++t) v[t] += against(t, past_.data(), T(-1), v);
        T sum = 0;
        for (int t = count - 1; t >= 0; --t) g_log[t] += sum += v[t];
    }

    // future[t][from] = exp(l[from] - l[t]) with l the sum of log a before its index.
    void backward_future(int count, T *g_log) {
        T *v = columns_.data();
        std::fill_n(v, Q, T(0));
        for (int t = 0; t < count; ++t) v[t] -= against(t, future_.data(), T(1), v);
        T sum = 0;
        for (int t = count - 1; t >= 0; --t) {
            g_log[t] += sum;
            sum += v[t];
        }
    }

    // Gradient of the logarithms of row t of a decay: the row's sum, and added to `by_column` with a sign.
    T against(int t, const T *decay, T sign, T *by_column) {
        const T *g = &g_mixed_[size_t(t) * Q], *score = &scores_[size_t(t) * Q], *row = decay + size_t(t) * Q;
        T sum = 0;
#pragma GCC ivdep
        for (int i = 0; i < Q; ++i) {
            const T e = g[i] * score[i] * row[i];
            sum += e;
            by_column[i] += sign * e;
        }
        return sum;
    }

    // What went through the state: before the chunk into its outputs, and from its inputs into the state after it.
    void backward_state(int k, int h, int start, int count, const T *a_head, const T *u_head, const T *gy_head,
                        T *gu_head) {
        const T *before = &before_[state_at(k, h)];
        T *g_after = &g_after_[size_t(h) * s.states * P], *v = by_cumulated_.data();
        const T kept = a_head[0] * past_[size_t(count - 1) * Q];

        // state after = kept * before + (b * decay to the end)^T u
        T along = 0;
        for (int i = 0; i < s.states * P; ++i) along += g_after[i] * before[i];
        v[count - 1] += along * kept;
        scale(&b[size_t(start) * N], a_head, count, true);
        gemm(count, P, s.states, plain(scaled_.data(), N), g_after, P, gu_head, P, true);
        transpose(s.states, s.head_size(), g_after, P, state_transposed_.data(), N);
        gemm(count, N, s.head_size(), plain(u_head, P), state_transposed_.data(), N, g_scaled_.data(), N, false);
        for (int t = 0; t < count; ++t) {
            const T e = spread(t, past_[size_t(count - 1) * Q + t], &g_b[size_t(start) * N]);
            v[t] -= e;
            v[count - 1] += e;
        }
        for (int i = 0; i < s.states * P; ++i) g_after[i] *= kept;

        // y += (c * decay from the begin) before
        scale(&c[size_t(start) * N], a_head, count, false);
        gemm(s.states, P, count, transposed(scaled_.data(), N), gy_head, P, g_after, P, true);
        transpose(s.states, s.head_size(), before, P, state_transposed_.data(), N);
        gemm(count, N, s.head_size(), plain(gy_head, P), state_transposed_.data(), N, g_scaled_.data(), N, false);
        for (int t = 0; t < count; ++t) v[t] += spread(t, a_head[0] * past_[size_t(t) * Q], &g_c[size_t(start) * N]);
    }

    // Gradient of scaled[t] = from[t] * factor: adds to that of `from`, returns that of log factor.
    T spread(int t, T factor, T *g_from) {
        T along = 0;
        for (int n = 0; n < s.states; ++n) {
            g_from[size_t(t) * N + n] += g_scaled_[size_t(t) * N + n] * factor;
            along += g_scaled_[size_t(t) * N + n] * scaled_[size_t(t) * N + n];
        }
        return along;
    }
};

}  // namespace lipstream
