// The weights of a mixer as factors rounded to bfloat16, and their gradients.

#pragma once

#include "mixer_sizes.h"
#include "rounded_operand.h"

namespace lipstream::tiles {

// The input projection is one product; its columns are z [E], the inputs of the convolution [M] and the steps [H].
template <typename Shape>
struct RoundedWeights {
    const Weights<float> &exact;
    int wide, in_depth, inner_depth, wide_depth;  // those columns in whole tiles; depths of C, of E and of the columns
    Buffer<Bfloat16> in, out, in_back, out_back;  // right factors

    RoundedWeights(const Shape &s, const Weights<float> &w)
        : exact(w), wide(s.inner + s.mixed() + whole(s.heads, kTile)), in_depth(whole(s.channels, kDepth)),
          inner_depth(whole(s.inner, kDepth)), wide_depth(whole(wide, kDepth)), in(size_t(in_depth) * wide),
          out(size_t(inner_depth) * s.channels), in_back(size_t(wide_depth) * s.channels),
          out_back(size_t(in_depth) * s.inner) {
        Matrix<float> joined(s.channels, wide), joined_back(wide, s.channels), turned(s.channels, s.inner);
        for (int c = 0; c < s.channels; ++c) {
            std::copy_n(w.in.z[c], s.inner, joined[c]);
            std::copy_n(w.in.mixed[c], s.mixed(), joined[c] + s.inner);
            std::copy_n(w.in.dt[c], s.heads, joined[c] + s.inner + s.mixed());
        }
        lipstream::transpose(s.channels, wide, joined[0], wide, joined_back[0], s.channels);
        lipstream::transpose(s.inner, s.channels, w.out[0], s.channels, turned[0], s.inner);
        round_pairs(s.channels, wide, joined[0], wide, in.data());
        round_pairs(s.inner, s.channels, w.out[0], s.channels, out.data());
        round_pairs(wide, s.channels, joined_back[0], s.channels, in_back.data());
        round_pairs(s.channels, s.inner, turned[0], s.inner, out_back.data());
    }
};

// The sum over positions of left^T right. Several blocks meet in one product, so that the sums move less.
class OuterSum {
  public:
    Matrix<float> sums;
    OuterSum(int rows, int columns)
        : sums(rows, columns), left_(size_t(rows) * kStride), right_(size_t(kStride) * columns) {}

    // Rows [48][rows] and [48][columns] without gaps.
    void add(const float *left, const float *right) {
        const int at = blocks_ * kBlock;
        round_columns(kBlock, sums.rows, left, sums.rows, &left_[at], kStride);
        round_pairs(kBlock, sums.columns, right, sums.columns, &right_[size_t(at) * sums.columns]);
        if (++blocks_ == kMostBlocks) finish();
    }

    void finish() {
        const Factors factors{left_.data(), kStride, right_.data(), sums.columns};
        product(sums.rows, sums.columns, whole(blocks_ * kBlock, kDepth), factors, sums[0], sums.stride, true);
        blocks_ = 0;
    }

  private:
    static constexpr int kMostBlocks = 4, kStride = kMostBlocks * kBlock + kTile;  // with room for the padded depth
    Buffer<Bfloat16> left_, right_;
    int blocks_ = 0;
};

// Gradients of the weights; those of the projections are as their products give them until they are joined.
template <typename Shape>
struct RoundedGradients {
    Weights<float> exact;
    OuterSum in, out;  // [C][wide], [C][E]
    RoundedGradients(const Shape &s, int wide) : exact(s), in(s.channels, wide), out(s.channels, s.inner) {}

    Weights<float> &joined(const Shape &s) {
        in.finish();
        out.finish();
        for (int c = 0; c < s.channels; ++c) {
            std::copy_n(in.sums[c], s.inner, exact.in.z[c]);
            std::copy_n(in.sums[c] + s.inner, s.mixed(), exact.in.mixed[c]);
            std::copy_n(in.sums[c] + s.inner + s.mixed(), s.heads, exact.in.dt[c]);
        }
        lipstream::transpose(s.channels, s.inner, out.sums[0], s.inner, exact.out[0], s.channels);
        return exact;
    }
};

}  // namespace lipstream::tiles
