// A row of a residual Mamba-2 mixer, see row.h, with the factors of its matrix products rounded to bfloat16.
//
// It runs in blocks, which lie in cache. A row that hears the past alone carries state and context from block to block;
// on the way back the blocks come in reverse, each from what was before it. A row of both directions is one block.

#pragma once

#include "rounded_block_back.h"

namespace lipstream {

// Whether mixers of a shape fill whole tiles, and a row that hears both directions no more than a block.
template <typename Shape>
bool rounds(const Shape &s) {
    return s.head_size() == tiles::kTile && s.states == tiles::kTile && s.channels % tiles::kTile == 0 &&
           s.taps <= tiles::kMostTaps && (!s.two_sided || s.length <= tiles::kBlock);
}

template <typename Shape>
class RoundedRow {
  public:
    Matrix<float> x, result;      // [L][C], to be filled in; [L][C], filled by `forward`
    Matrix<float> g_result, g_x;  // the same for the gradients

    RoundedRow(const Shape &shape, const Weights<float> &w, float eps, bool backward)
        : x(shape.length, shape.channels), result(shape.length, shape.channels),
          g_result(backward ? shape.length : 0, shape.channels), g_x(backward ? shape.length : 0, shape.channels),
          s(shape), weights_(s, w), g_(s, weights_.wide), block_(s, weights_, eps, backward) {}

    // Numbers that `forward` keeps of a row for `backward`: context and state before each block.
    static size_t kept(const Shape &s) {
        return s.two_sided ? 0 : size_t(blocks(s)) * (size_t(s.taps - 1) * s.mixed() + s.heads * tiles::kState);
    }

    void forward(float *kept) {
        begin();
        for (int b = 0; b < blocks(s); ++b) {
            if (!s.two_sided) kept = keep(kept);
            load(x, b, block_.x);
            block_.forward(count(b));
            block_.leave_context(count(b));
            store(block_.result, b, result);
        }
    }

    // What a stream would carry on: the state [E][N], and the last inputs of the convolution [K - 1][M].
    void carry(float *state, float *recent) const {
        for (int i = 0; i < s.heads * tiles::kState; i += tiles::kState)
            transpose(s.states, s.states, &block_.scan.state[i], s.states, state + i, s.states);
        for (int k = 0; k < s.taps - 1; ++k) std::copy_n(block_.context[k], s.mixed(), recent + k * s.mixed());
    }

    // g_x from g_result; the gradients of the weights are added to those of the rows before.
    void backward(const float *kept) {
        begin();
        kept += RoundedRow::kept(s);
        for (int b = blocks(s) - 1; b >= 0; --b) {
            if (!s.two_sided) kept = restore(kept);
            load(x, b, block_.x);
            load(g_result, b, block_.g_result);
            block_.backward(count(b), g_);
            store(block_.g_x, b, g_x);
        }
    }

    Weights<float> &gradients() { return g_.joined(s); }

  private:
    Shape s;
    tiles::Tiles tiles_;
    tiles::RoundedWeights<Shape> weights_;
    tiles::RoundedGradients<Shape> g_;
    tiles::RoundedBlock<Shape> block_;

    static int blocks(const Shape &s) { return (s.length + tiles::kBlock - 1) / tiles::kBlock; }
    int count(int b) const { return std::min(tiles::kBlock, s.length - b * tiles::kBlock); }

    // Before the row and behind it there is nothing.
    void begin() {
        for (auto *v : {&block_.context.data, &block_.g_context.data, &block_.scan.state, &block_.scan.g_state})
            std::fill(v->begin(), v->end(), 0.0f);
    }

    // Context and state of the block; gives where the next ones go.
    float *keep(float *to) const {
        to = std::copy(block_.context.data.begin(), block_.context.data.end(), to);
        return std::copy(block_.scan.state.begin(), block_.scan.state.end(), to);
    }

    // The same the other way, from in front of `from`.
    const float *restore(const float *from) {
        for (auto *v : {&block_.scan.state, &block_.context.data}) {
            from -= v->size();
            std::copy_n(from, v->size(), v->begin());
        }
        return from;
    }

    void load(const Matrix<float> &from, int b, Matrix<float> &to) const {
        const int numbers = count(b) * to.stride;
        std::copy_n(from[b * tiles::kBlock], numbers, to[0]);
        std::fill(to.data.begin() + numbers, to.data.end(), 0.0f);
    }

    void store(const Matrix<float> &from, int b, Matrix<float> &to) const {
        std::copy_n(from[0], count(b) * to.stride, to[b * tiles::kBlock]);
    }
};

}  // namespace lipstream
