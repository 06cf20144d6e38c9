// What the scan of a block multiplies, in the layouts of products, and the decays between its positions.

#pragma once

#include "amx.h"
#include "buffer.h"
#include "rounded_vectors.h"

namespace lipstream::tiles {

constexpr int kBlock = 48;              // positions
constexpr int kSpans = kBlock / kTile;  // vectors of them
constexpr int kPadded = 64;             // a block as a depth, with a state behind
constexpr int kState = kTile * kTile;   // numbers of a head's state, [N][P]

// Roles of an operand in products: rows on the left, on the right, or, transposed, on the right.
constexpr int kLeft = 1, kRight = 2, kTurned = 4, kAllRoles = kLeft | kRight | kTurned;

// A matrix [48][16], and a state [16][16] behind it where it is on the right.
struct Operand {
    Buffer<Bfloat16> left, right, turned;  // [48][32], [32][16][2], [16][64][2]
    Operand() : left(kBlock * kDepth), right(kDepth * kTile * 2), turned(kTile * kPadded * 2) {}

    void set(int span, const __m512 (&from)[kTile], int roles) {
        const int at = span * kTile;
        lay_out(from, roles & kLeft ? &left[at * kDepth] : nullptr, roles & kRight ? &right[at * kTile] : nullptr,
                roles & kTurned ? &turned[at * 2] : nullptr, kPadded);
    }

    void set_state(const float *state, int roles) {
        __m512 from[kTile];
#pragma GCC unroll 16
        for (int n = 0; n < kTile; ++n) from[n] = load(state + n * kTile);
        lay_out(from, nullptr, &right[kBlock * kTile], roles & kTurned ? &turned[kBlock * 2] : nullptr, kPadded);
    }
};

// Decays of a head: at the positions of a block, with ones around them; from before the block to each position; from
// each position to its end; and all the way.
struct Decay {
    alignas(64) float padded[kTile + kBlock + kTile], reach[kBlock], rest[kBlock];
    float whole;

    Decay() { std::fill_n(padded, kTile + kBlock + kTile, 1.0f); }
    float *at() { return padded + kTile; }
    const float *at() const { return padded + kTile; }

    // All others from those at the positions.
    void follow() {
        __m512 product = all(1);
        for (int i = 0; i < kBlock; i += kTile) {
            store(reach + i, product * running_product<true>(load(at() + i)));
            product = all(reach[i + kTile - 1]);
        }
        whole = reach[kBlock - 1];
        product = all(1);
        for (int i = kBlock - kTile; i >= 0; i -= kTile) {
            store(rest + i, product * running_product<false>(load(at() + i + 1)));
            product = all(rest[i]);
        }
    }
};

}  // namespace lipstream::tiles
