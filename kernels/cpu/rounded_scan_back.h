// The way back through the scan of a block, see rounded_scan.h: products of the same form as ahead.

#pragma once

#include "rounded_scan.h"

namespace lipstream::tiles {

template <typename Shape>
void RoundedScan<Shape>::backward() {
    meet(b_operand_, c_operand_, turned_scores_.data());
    for (auto *v : {&g_b, &g_c, &g_scores_}) std::fill(v->begin(), v->end(), 0.0f);
    for (int h = 0; h < s.heads; ++h) {
        backward_input(h);
        backward_scores(h);
        const Decay &d = decays_[h];
        if (!s.two_sided) carry(d, c_columns_.data(), d.reach, g_y_operand_, &g_state[h * kState]);
    }
    round_rows(kBlock, kBlock, g_scores_.data(), kBlock, left_.data());
    product(kBlock, kTile, kPadded, {left_.data(), kPadded, b_operand_.right.data(), kTile}, g_c.data(), kTile, true);
    round_columns(kBlock, kBlock, g_scores_.data(), kBlock, left_.data(), kPadded);
    product(kBlock, kTile, kPadded, {left_.data(), kPadded, c_operand_.right.data(), kTile}, g_b.data(), kTile, true);
}

// g_u of a head: as y, with B and C in each other's place, against the direction, which shifts the decays by one.
template <typename Shape>
void RoundedScan<Shape>::backward_input(int h) {
    __m512 rows[kTile];
    for (int span = 0; span < kSpans; ++span) {
        const float *from = &g_y[span * kTile * s.inner + h * kTile];
#pragma GCC unroll 16
        for (int i = 0; i < kTile; ++i) rows[i] = load(from + i * s.inner);
        g_y_operand_.set(span, rows, kAllRoles);
    }
    if (!s.two_sided) g_y_operand_.set_state(&g_state[h * kState], kRight | kTurned);
    const Decay &d = decays_[h];
    weigh<false, false>(d.at() + 1, d.at() - 1, turned_scores_.data(), d.rest, b_, weights_.data());
    const Factors factors{left_.data(), kPadded, g_y_operand_.right.data(), kTile};
    product(kBlock, kTile, kPadded, factors, &g_u[h * kTile], s.inner);
}

// What a head adds to the gradients of the scores, of B and of C; and its g_log_a. With V = W o scores o (g_y u^T), the
// part of position i in the loss that came in at j, that of the decay at t is the sum of all V[i][j] whose way leads
// over t: of j < t <= i and, in the other direction, i <= t < j. What comes from and goes to the states adds to it.
template <typename Shape>
void RoundedScan<Shape>::backward_scores(int h) {
    const Factors factors{g_y_operand_.left.data(), kDepth, u_[h].turned.data(), kPadded};
    product(kBlock, kPadded, kDepth, factors, met_.data(), kPadded);
    const Decay &d = decays_[h];
    const float *weights = &kept_weights_[h * kBlock * kBlock];
    __m512 sums[kSpans] = {}, of_states = {};
    if (!s.two_sided) {
        backward_state_after(h);
        for (int i = h * kState; i < (h + 1) * kState; i += kTile)
            of_states += all(d.whole) * load(&g_state[i]) * load(&state[i]);
    }
    each_position<false>([&](auto span, int k) {
        const int i = span * kTile + k;
        float *met = &met_[i * kPadded];
        for (int v = 0; v < kSpans; ++v) {
            if (!hears<true>(span, v)) continue;
            const int at = i * kBlock + v * kTile;
            const __m512 g = load(weights + at) * load(met + v * kTile), value = g * load(&scores_[at]);
            add(&g_scores_[at], g);
            if (s.two_sided) store(met + v * kTile, value);
            sums[v] += value;
        }
        __m512 over = _mm512_maskz_mov_ps((1 << k) - 1, sums[span]);
        for (int v = 0; v < span; ++v) over += sums[v];
        if (!s.two_sided) {
            const __m512 g = load(met + kBlock) * all(d.reach[i]);
            add(&g_c[i * kTile], g);
            of_states += g * load(c_ + i * stride_);
            over += of_states + load(&along_[i * kTile]);
        }
        store(&along_[i * kTile], over);
    });
    if (s.two_sided) add_other_direction();
    for (int first = 0; first < kBlock; first += kTile) {
        __m512 rows[kTile];
#pragma GCC unroll 16
        for (int i = 0; i < kTile; ++i) rows[i] = load(&along_[(first + i) * kTile]);
        store(&g_log_a[h * kBlock + first], row_sums(rows));
    }
}

// What the state after the block gives to g_b; what of it came in before each position begins `along_`.
template <typename Shape>
void RoundedScan<Shape>::backward_state_after(int h) {
    const Factors factors{u_[h].left.data(), kDepth, &g_y_operand_.turned[kBlock * 2], kPadded};
    product(kBlock, kTile, kDepth, factors, met_after_.data(), kTile);
    __m512 sum = {};
    for (int j = 0; j < kBlock; ++j) {
        store(&along_[j * kTile], sum);
        const __m512 g = load(&met_after_[j * kTile]) * all(decays_[h].rest[j]);
        add(&g_b[j * kTile], g);
        sum += g * load(b_ + j * stride_);
    }
}

// V, which lies in `met_` by now, of positions up to each one that hear later ones.
template <typename Shape>
void RoundedScan<Shape>::add_other_direction() {
    __m512 sums[kSpans] = {};
    each_position<true>([&](auto span, int k) {
        const int i = span * kTile + k;
        for (int v = 0; v < kSpans; ++v) sums[v] += load(&met_[i * kPadded + v * kTile]);
        __m512 over = _mm512_maskz_mov_ps(0xfffe << k, sums[span]);
        for (int v = span + 1; v < kSpans; ++v) over += sums[v];
        add(&along_[i * kTile], over);
    });
}

}  // namespace lipstream::tiles
