// A block of 48 positions of a residual Mamba-2 mixer, see row.h, with the factors of its products rounded to bfloat16.
//
// Behind the last position of a row, inputs and steps are zero: no state changes there, and no gradient arises.

#pragma once

#include "rounded_scan_back.h"
#include "rounded_weights.h"
#include "step_math.h"

namespace lipstream::tiles {

constexpr int kMostTaps = 8;

template <typename Shape>
class RoundedBlock {
  public:
    Matrix<float> x, result, g_result, g_x;  // [48][C]
    Matrix<float> context, g_context;        // [K - 1][M]: what the convolution hears from before; gradients of its
                                             // sums after the block, and then of the block's first ones
    RoundedScan<Shape> scan;

    RoundedBlock(const Shape &shape, const RoundedWeights<Shape> &weights, float eps, bool backward)
        : x(kBlock, shape.channels), result(kBlock, shape.channels), g_result(kBlock, shape.channels),
          g_x(kBlock, shape.channels), context(shape.taps - 1, shape.mixed()), g_context(shape.taps - 1, shape.mixed()),
          scan(shape, backward), s(shape), f(weights), w(weights.exact), eps_(eps), backward_(backward),
          normed_(kBlock, s.channels), parts_(kBlock + s.taps - 1, f.wide), active_(kBlock, s.mixed()),
          slope_(kBlock, s.mixed()), step_(whole(s.heads, kTile), kBlock), step_slope_(whole(s.heads, kTile), kBlock),
          gated_(kBlock, s.inner), g_gated_(kBlock, s.inner), g_parts_(kBlock, f.wide),
          g_sums_(kBlock + s.taps - 1, s.mixed()),
          left_(size_t(kBlock) * std::max({f.wide_depth, f.inner_depth, f.in_depth})) {}

    // The result, and the state after the block from the one before it, of `count` positions.
    void forward(int count) {
        activate(count);
        scan.forward();
        gate();
        project(gated_, f.inner_depth, f.out, result[0], s.channels);
        for (size_t i = 0; i < result.data.size(); ++i) result.data[i] += x.data[i];
    }

    // What the convolution hears of this block in the next one.
    void leave_context(int count) {
        for (int k = 0; k < s.taps - 1; ++k) std::copy_n(parts_[count + k] + s.inner, s.mixed(), context[k]);
    }

    // g_x and the gradients of the state and of the sums before the block, from g_result and those of the ones after
    // it; those of the weights are added to g.
    void backward(int count, RoundedGradients<Shape> &g);

  private:
    Shape s;
    const RoundedWeights<Shape> &f;
    const Weights<float> &w;
    float eps_;
    bool backward_;
    float scale_[kBlock], gate_scale_[kBlock];  // of the norms
    Matrix<float> normed_, parts_;              // parts: z | convolution's inputs, K - 1 more positions | raw steps
    Matrix<float> active_, slope_;              // SiLU of the convolution's sums, and its slope there
    Matrix<float> step_, step_slope_;           // [H][48]: softplus of the raw steps, and its slope there
    Matrix<float> gated_, g_gated_;             // before the norm, then behind it
    Matrix<float> g_parts_, g_sums_;            // g_sums: of the convolution, K - 1 more positions
    Buffer<Bfloat16> left_;

    // to [48][columns] = rows times a projection.
    void project(const Matrix<float> &rows, int depth, const Buffer<Bfloat16> &right, float *to, int columns) {
        round_rows(kBlock, rows.columns, rows[0], rows.stride, left_.data());
        product(kBlock, columns, depth, {left_.data(), depth, right.data(), columns}, to, columns);
    }

    // Everything up to what the scan takes.
    void activate(int count) {
        normalise();
        project(normed_, f.in_depth, f.in, parts_[s.lead()], f.wide);
        if (!s.two_sided)
            for (int k = 0; k < s.taps - 1; ++k) std::copy_n(context[k], s.mixed(), parts_[k] + s.inner);
        for (int m = 0; m < s.mixed(); m += kTile) convolve(m);
        for (int h = 0; h < s.heads; h += kTile)
            for (int t = 0; t < kBlock; t += kTile)
                turn(parts_[s.lead() + t] + s.inner + s.mixed() + h, f.wide, step_[h] + t, kBlock);
        for (int h = 0; h < s.heads; ++h) decay(h, count);
        scan.take(active_[0], s.mixed(), step_[0]);
    }

    void normalise() {
        scales(s.channels, scale_, [&](int t) {
            __m512 power = {};
            for (int c = 0; c < s.channels; c += kTile) power += load(x[t] + c) * load(x[t] + c);
            return power;
        });
        for (int t = 0; t < kBlock; ++t)
            for (int c = 0; c < s.channels; c += kTile)
                store(normed_[t] + c, load(x[t] + c) * all(scale_[t]) * load(w.norm[0] + c));
    }

    // The sums over the lanes of row(t).
    template <typename Row>
    static ALWAYS_INLINE void sum_rows(float *to, Row row) {
        for (int first = 0; first < kBlock; first += kTile) {
            __m512 rows[kTile];
            for (int i = 0; i < kTile; ++i) rows[i] = row(first + i);
            store(to + first, row_sums(rows));
        }
    }

    // 1 / RMS of rows of `width` numbers, from vectors that add up to their power.
    template <typename Row>
    ALWAYS_INLINE void scales(int width, float *to, Row power) const {
        sum_rows(to, power);
        for (int t = 0; t < kBlock; ++t) to[t] = 1.0f / std::sqrt(to[t] / width + eps_);
    }

    void convolve(int m) {
        for (int t = 0; t < kBlock; ++t) {
            __m512 sums = load(w.bias[0] + m);
            for (int k = 0; k < s.taps; ++k) sums += load(w.taps[k] + m) * load(parts_[t + k] + s.inner + m);
            const __m512 gate = sigmoid(sums), active = sums * gate;
            store(active_[t] + m, active);
            if (backward_) store(slope_[t] + m, gate + active * (all(1) - gate));
        }
    }

    void decay(int h, int count) {
        float *step = step_[h], *slope = step_slope_[h], *a = scan.a(h);
        const float bias = w.dt_bias[0][h], rate = w.A[0][h];
#pragma GCC ivdep
        for (int t = 0; t < kBlock; ++t) {
            const float raw = step[t] + bias, grown = exponential(raw < 20.0f ? raw : 20.0f);
            slope[t] = grown / (1.0f + grown);
            step[t] = raw < 20.0f ? logarithm_1p(grown) : raw;
            a[t] = exponential(step[t] * rate);
        }
        for (int t = count; t < kBlock; ++t) {
            slope[t] = step[t] = 0;
            a[t] = 1;
        }
    }

    // y + D x, gated by z and normalised.
    void gate() {
        scales(s.inner, gate_scale_, [&](int t) {
            __m512 power = {};
            for (int e = 0; e < s.inner; e += kTile) {
                const __m512 z = load(parts_[s.lead() + t] + e), value = scanned(t, e) * z * sigmoid(z);
                store(gated_[t] + e, value);
                power += value * value;
            }
            return power;
        });
        for (int t = 0; t < kBlock; ++t)
            for (int e = 0; e < s.inner; e += kTile)
                store(gated_[t] + e, load(gated_[t] + e) * all(gate_scale_[t]) * load(w.gate_norm[0] + e));
    }

    __m512 scanned(int t, int e) const {
        return load(&scan.y[t * s.inner + e]) + all(w.D[0][e / kTile]) * load(active_[t] + e);
    }

    // The convolution's sum at a position; the gradient that tap k brings to its input lies K - 1 - k further on.
    float *g_sum(int t) { return g_sums_[t + s.taps - 1 - s.lead()]; }

    void backward_out(RoundedGradients<Shape> &g);
    void backward_gate(Weights<float> &g);
    void backward_scan_inputs(Weights<float> &g);
    __m512 backward_head(int first, int h, Weights<float> &g);
    void backward_conv(Weights<float> &g);
    void backward_in(RoundedGradients<Shape> &g);
};

}  // namespace lipstream::tiles
