// The state-space scan of a block of positions in matrix products rounded to bfloat16.
//
// The quadratic form of kernels/ssd.py (Dao & Gu 2024, "Transformers are SSMs", sections 3 and 6) with a state before
// and after the block: with W[i][j] what is left at i of what came in at j, the product of the decays in between,
//
//     y = (W o C B^T) u + (reach o C) before          after = (rest o B)^T u + whole * before
//
// with the decays that are told at `Decay`. Where both directions are heard, W has both sides, and the row is one
// block. W and all sums are float32. Names and shapes are those of scan.h; P and N are 16.

#pragma once

#include <type_traits>
#include <vector>

#include "rounded_operand.h"

namespace lipstream::tiles {

// A one behind and before sixteen zeros: from 16 - k on, it is lane k.
inline constexpr float kUnit[2 * kTile + 1] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// Calls with the spans of a block, constants, in either direction.
template <bool kUp, typename Visit>
ALWAYS_INLINE void each_span(Visit visit) {
    visit(std::integral_constant<int, kUp ? 0 : 2>{});
    visit(std::integral_constant<int, 1>{});
    visit(std::integral_constant<int, kUp ? 2 : 0>{});
}

// Calls with each position: its span and its lane there.
template <bool kUp, typename Visit>
ALWAYS_INLINE void each_position(Visit visit) {
    each_span<kUp>([&](auto span) {
        for (int k = 0; k < kTile; ++k) visit(span, kUp ? k : kTile - 1 - k);
    });
}

template <typename Shape>
class RoundedScan {
  public:
    Buffer<float> y, g_y, g_u;     // [48][E]
    Buffer<float> g_b, g_c;        // [48][N]
    Buffer<float> g_log_a;         // [H][48]
    Buffer<float> state, g_state;  // [H][N][P]: before the block and then after it; its gradient the other way round

    RoundedScan(const Shape &shape, bool backward)
        : y(kBlock * shape.inner), state(shape.heads * kState), s(shape), backward_(backward), decays_(s.heads),
          u_(s.heads), scores_(kBlock * kBlock), weights_(kBlock * kBlock), left_(kBlock * kPadded),
          b_columns_(kTile * kBlock), c_columns_(kTile * kBlock) {
        if (!backward) return;
        for (auto *v : {&g_y, &g_u}) v->resize(y.size());
        for (auto *v : {&g_b, &g_c, &met_after_, &along_}) v->resize(kBlock * kTile);
        for (auto *v : {&turned_scores_, &g_scores_}) v->resize(kBlock * kBlock);
        g_log_a.resize(s.heads * kBlock);
        g_state.resize(state.size());
        kept_weights_.resize(s.heads * kBlock * kBlock);
        met_.resize(kBlock * kPadded);
    }

    // Decays of a head, to be filled in, [48].
    float *a(int head) { return decays_[head].at(); }

    // Takes rows x [E] | B [N] | C [N], `stride` apart, which have to stay; and step sizes [H][48].
    void take(const float *rows, long stride, const float *dt) {
        b_ = rows + s.inner;
        c_ = b_ + kTile;
        stride_ = stride;
        for (int span = 0; span < kSpans; ++span) {
            const int at = span * kTile;
            for (int h = 0; h < s.heads; ++h)
                set(u_[h], span, rows + h * kTile, dt + h * kBlock + at, backward_ ? kAllRoles : kRight);
            set(b_operand_, span, b_, nullptr, backward_ ? kAllRoles : kTurned);
            set(c_operand_, span, c_, nullptr, backward_ ? kAllRoles : kLeft);
            if (s.two_sided) continue;
            turn(b_ + at * stride, stride, &b_columns_[at], kBlock);
            if (backward_) turn(c_ + at * stride, stride, &c_columns_[at], kBlock);
        }
        for (auto &decay : decays_) decay.follow();
    }

    // y, and the state after the block from the one before it.
    void forward() {
        meet(c_operand_, b_operand_, scores_.data());
        for (int h = 0; h < s.heads; ++h) {
            read<false>(h, weights_.data());
            if (!s.two_sided) carry(decays_[h], b_columns_.data(), decays_[h].rest, u_[h], &state[h * kState]);
        }
    }

    // y alone, and what `backward` needs.
    void forward_to_return() {
        meet(c_operand_, b_operand_, scores_.data());
        for (int h = 0; h < s.heads; ++h) read<true>(h, &kept_weights_[h * kBlock * kBlock]);
    }

    // g_u, g_b, g_c, g_log_a and the gradient of the state before, from g_y and that of the state after.
    void backward();

  private:
    Shape s;
    bool backward_;
    Buffer<Decay> decays_;
    std::vector<Operand> u_;
    Operand b_operand_, c_operand_, g_y_operand_;
    Buffer<float> scores_, weights_;           // C B^T; W of a head
    Buffer<Bfloat16> left_;                    // [48][64]
    Buffer<float> b_columns_, c_columns_;      // [N][48]
    const float *b_ = nullptr, *c_ = nullptr;  // rows, `stride_` apart
    long stride_ = 0;

    Buffer<float> kept_weights_, turned_scores_, g_scores_;  // W of all heads; B C^T; the gradient of C B^T
    Buffer<float> met_, met_after_;  // g_y u^T and g_y before^T side by side, [48][64]; u g_after^T, [48][N]
    Buffer<float> along_;            // what adds up, over its lanes, to g_log_a, [48][16]

    void set(Operand &operand, int span, const float *from, const float *scale, int roles) {
        from += span * kTile * stride_;
        __m512 rows[kTile];
#pragma GCC unroll 16
        for (int i = 0; i < kTile; ++i) rows[i] = load(from + i * stride_) * (scale ? all(scale[i]) : all(1));
        operand.set(span, rows, roles);
    }

    // Scores of two operands, left right^T.
    static void meet(const Operand &left, const Operand &right, float *to) {
        product(kBlock, kBlock, kDepth, {left.left.data(), kDepth, right.turned.data(), kPadded}, to, kBlock);
    }

    // y of a head.
    template <bool kKeep>
    void read(int h, float *weights) {
        const Decay &d = decays_[h];
        weigh<true, kKeep>(d.at(), d.at(), scores_.data(), d.reach, c_, weights);
        if (!s.two_sided) u_[h].set_state(&state[h * kState], kKeep ? kRight | kTurned : kRight);
        product(kBlock, kTile, kPadded, {left_.data(), kPadded, u_[h].right.data(), kTile}, &y[h * kTile], s.inner);
    }

    // Whether a position in a span hears those in another one.
    template <bool kUp>
    ALWAYS_INLINE bool hears(int span, int other) const {
        return s.two_sided || (kUp ? other <= span : other >= span);
    }

    // The left factor of y: W o scores, and behind it the rows that meet the state, as far as they reach.
    //
    // A row of W runs along the block: `own` is the decay that what was on the way before meets at a position, and what
    // comes in there is added to it. Of the other direction a position hears what was on the way before.
    template <bool kUp, bool kKeep>
    void weigh(const float *own, const float *other, const float *scores, const float *reach, const float *rows,
               float *weights) {
        if (s.two_sided) {
            __m512 row[kSpans] = {};
            each_position<!kUp>([&](auto span, int k) {
                const int i = span * kTile + k;
                for (int v = 0; v < kSpans; ++v) store(weights + i * kBlock + v * kTile, row[v] *= all(other[i]));
                row[span] += load(kUnit + kTile - k);
            });
        }
        __m512 row[kSpans] = {};
        each_position<kUp>([&](auto span, int k) {
            const int i = span * kTile + k;
            __m512 heard[kSpans] = {};
            for (int v = 0; v < kSpans; ++v) {
                if (!hears<kUp>(span, v)) continue;
                float *at = weights + i * kBlock + v * kTile;
                row[v] *= all(own[i]);
                if (v == span) row[v] += load(kUnit + kTile - k);
                heard[v] = s.two_sided ? row[v] + load(at) : row[v];
                if (kKeep) store(at, heard[v]);
                heard[v] *= load(scores + i * kBlock + v * kTile);
            }
            const __m512 to_state = load(rows + i * stride_) * all(reach[i]);
            _mm512_storeu_si512(&left_[i * kPadded], rounded(heard[0], heard[1]));
            _mm512_storeu_si512(&left_[i * kPadded + kDepth], rounded(heard[2], to_state));
        });
    }

    // state = whole * state + (scale o columns) x.
    void carry(const Decay &d, const float *columns, const float *scale, const Operand &x, float *state) {
        for (int n = 0; n < kTile; ++n, columns += kBlock) {
            __m512 row[kSpans];
            for (int v = 0; v < kSpans; ++v) row[v] = load(columns + v * kTile) * load(scale + v * kTile);
            _mm512_storeu_si512(&left_[n * kPadded], rounded(row[0], row[1]));
            _mm512_storeu_si512(&left_[n * kPadded + kDepth], rounded(row[2], _mm512_setzero_ps()));
            store(state + n * kTile, load(state + n * kTile) * all(d.whole));
        }
        product(kTile, kTile, kPadded, {left_.data(), kPadded, x.right.data(), kTile}, state, kTile, true);
    }

    void backward_input(int h);
    void backward_scores(int h);
    void backward_state_after(int h);
    void add_other_direction();
};

}  // namespace lipstream::tiles
