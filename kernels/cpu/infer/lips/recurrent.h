// One step of the recurrent layers of the voice gate: dense layers of one row, and gated recurrent units.

#pragma once

#include "../../common/math.h"
#include "../product.h"
#include "../sizes.h"

namespace lipstream {

inline float common_logarithm(float x) { return logarithm(x) * 0.43429448f; }

inline float tangent(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

template <int kIn, int kOut>
struct DenseWeights {
    Padded<kIn, kOut> weight;
    Padded<1, kOut> bias;

    void read(Reader &reader) {
        reader(weight);
        reader(bias);
    }
};

// to [kOut] = from [kIn] weight + bias, zero beyond.
template <int kIn, int kOut>
inline void dense(const DenseWeights<kIn, kOut> &w, const float *from, Padded<1, kOut> &to) {
    for (int i = 0; i < to.stride; ++i) to[0][i] = w.bias[0][i];
    product<1, kOut, kIn, 1, true>({from}, {w.weight[0], w.weight.stride}, {to[0], to.stride});
}

// Parts in the order of torch.nn.GRU: reset, update, new; what comes in, and what was hidden.
template <int kIn, int kHidden>
struct RecurrentWeights {
    DenseWeights<kIn, 3 * kHidden> in;
    DenseWeights<kHidden, 3 * kHidden> hidden;

    void read(Reader &reader) {
        in.read(reader);
        hidden.read(reader);
    }
};

template <int kHidden>
class Recurrent {
  public:
    template <int kIn>
    void step(const RecurrentWeights<kIn, kHidden> &w, const float *from, float *hidden) {
        dense(w.in, from, in_);
        dense(w.hidden, hidden, kept_);
        const float *in = in_[0], *kept = kept_[0];
        for (int i = 0; i < kHidden; ++i) {
            const float reset = sigmoid(in[i] + kept[i]), update = sigmoid(in[kHidden + i] + kept[kHidden + i]);
            const float fresh = tangent(in[2 * kHidden + i] + reset * kept[2 * kHidden + i]);
            hidden[i] = fresh + update * (hidden[i] - fresh);
        }
    }

  private:
    Padded<1, 3 * kHidden> in_{}, kept_{};
};

}  // namespace lipstream
