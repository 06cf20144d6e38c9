// The mixers along time: every position one step of its own scan (kernels/ssd.py: ssd_step), states in place.

#pragma once

#include "step_mixer.h"

namespace lipstream {

// Of all positions, zero at the start. A head's values are padded to whole vectors.
template <typename S>
struct CausalState {
    static constexpr int head = whole(S::head_size);
    float ssm[S::rows][S::heads][S::states][head];
    float recent[S::rows][S::taps - 1][whole(S::mixed)];  // inputs of the convolution, oldest first
};

template <typename S, int kFrames = 1>
class CausalMixer : Mixer<S, kFrames> {
  public:
    // Puts the gated values behind the channels of each row; each frame has a state of its own.
    template <typename Rows>
    void step(const MixerWeights<S> &w, Rows &rows, CausalState<S> *const *states, int frames = 1) {
        this->project(w, rows, frames);
        for (int i = 0; i < frames; ++i)
            for (int p = 0; p < S::rows; ++p) {
                const int row = i * S::rows + p;
                convolve(w, this->projected_[row] + S::mixed_at, states[i]->recent[p]);
                scan(w, row, states[i]->ssm[p]);
                this->gate(row, y_, rows[row]);
            }
    }

  private:
    static constexpr int kHead = CausalState<S>::head, kMixed = whole(S::mixed);
    alignas(64) float active_[kMixed] = {}, y_[S::inner] = {};
    alignas(64) float head_[kHead] = {};  // into the scan and out of it

    void convolve(const MixerWeights<S> &w, const float *in, float (*recent)[kMixed]) {
        for (int m = 0; m < kMixed; ++m) {
            float v = w.conv_bias[0][m] + w.conv[S::taps - 1][m] * in[m];
            for (int k = 0; k < S::taps - 1; ++k) v += w.conv[k][m] * recent[k][m];
            for (int k = 0; k < S::taps - 2; ++k) recent[k][m] = recent[k + 1][m];
            if constexpr (S::taps > 1) recent[S::taps - 2][m] = in[m];
            active_[m] = v * sigmoid(v);
        }
    }

    void scan(const MixerWeights<S> &w, int p, float (*ssm)[S::states][kHead]) {
        const float *b = active_ + S::inner, *c = b + S::states;
        for (int h = 0; h < S::heads; ++h) {
            for (int i = 0; i < S::head_size; ++i) head_[i] = active_[h * S::head_size + i];
            const float dt = this->dt_[p * S::heads + h], kept = this->kept_[p * S::heads + h];
            for (int j = 0; j < kHead; j += kLanes) {
                const Vector x = load(head_ + j), in = x * dt;
                Vector out = x * w.skip[h];
                for (int n = 0; n < S::states; ++n) {
                    const Vector after = load(ssm[h][n] + j) * kept + in * b[n];
                    store(ssm[h][n] + j, after);
                    out += after * c[n];
                }
                store(head_ + j, out);
            }
            for (int i = 0; i < S::head_size; ++i) y_[h * S::head_size + i] = head_[i];
        }
    }
};

}  // namespace lipstream
