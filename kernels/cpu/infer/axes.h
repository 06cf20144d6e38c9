// The mixers of a block: along time with its state, and along frequency within a frame.

#pragma once

#include "mixer.h"

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

class FrequencyMixer : Mixer<FrequencyShape> {
    using S = FrequencyShape;

  public:
    // Puts the gated values behind the channels of each row.
    void step(const MixerWeights<S> &w, BandRows &rows) {
        project(w, rows);
        convolve(w);
        score();
        for (int h = 0; h < S::heads; ++h) scan(w, h);
        for (int p = 0; p < kBands; ++p) gate(p, y_[p], rows[p]);
    }

  private:
    static constexpr int kParts = whole(kBands) / kLanes;
    Padded<kBands, S::mixed> active_{};
    Padded<S::states, kBands> b_{};             // transposed
    Padded<kBands, kBands> scores_{}, mixed_{};  // C B^T; the same times what is left on the way
    Padded<kBands, S::head_size> in_{}, out_{};  // of one head
    Padded<kBands, S::inner> y_{};

    void convolve(const MixerWeights<S> &w) {
        for (int p = 0; p < kBands; ++p) {
            alignas(64) float sum[whole(S::mixed)];
            for (int m = 0; m < whole(S::mixed); ++m) sum[m] = w.conv_bias[0][m];
            for (int k = 0; k < S::taps; ++k) {
                const int from = p - S::taps / 2 + k;
                if (from < 0 || from >= kBands) continue;
                const float *in = projected_[from] + S::mixed_at;
                for (int m = 0; m < whole(S::mixed); ++m) sum[m] += w.conv[k][m] * in[m];
            }
            for (int m = 0; m < whole(S::mixed); ++m) active_[p][m] = sum[m] * sigmoid(sum[m]);
        }
    }

    void score() {
        for (int p = 0; p < kBands; ++p)
            for (int n = 0; n < S::states; ++n) b_[n][p] = active_[p][S::inner + n];
        product<kBands, kBands, S::states>({active_[0] + S::inner + S::states, active_.stride}, {b_[0], b_.stride},
                                           {scores_[0], scores_.stride});
    }

    // mixed[t][i] = scores[t][i] * product of `kept` on the way from i to t: (i, t] from below, [t, i) from above.
    void decay(int h) {
        typedef int Index __attribute__((vector_size(sizeof(Vector))));
        Index at[kParts];
        for (int j = 0; j < kParts; ++j)
            for (int i = 0; i < kLanes; ++i) at[j][i] = j * kLanes + i;
        const Vector one = Vector{} + 1.0f;
        Vector left[kParts] = {};
        for (int t = 0; t < kBands; ++t)
            for (int j = 0; j < kParts; ++j) {
                left[j] = at[j] == t ? one : left[j] * kept_[t * S::heads + h];
                store(mixed_[t] + j * kLanes, left[j]);
            }
        for (Vector &v : left) v = Vector{};
        for (int t = kBands - 1; t >= 0; --t)
            for (int j = 0; j < kParts; ++j) {
                left[j] *= kept_[t * S::heads + h];
                float *mixed = mixed_[t] + j * kLanes;
                store(mixed, load(scores_[t] + j * kLanes) * (load(mixed) + left[j]));
                left[j] = at[j] == t ? one : left[j];
            }
    }

    void scan(const MixerWeights<S> &w, int h) {
        for (int p = 0; p < kBands; ++p)
            for (int i = 0; i < S::head_size; ++i)
                in_[p][i] = active_[p][h * S::head_size + i] * dt_[p * S::heads + h];
        decay(h);
        product<kBands, S::head_size, kBands>({mixed_[0], mixed_.stride}, {in_[0], in_.stride},
                                              {out_[0], out_.stride});
        for (int p = 0; p < kBands; ++p)
            for (int i = 0; i < S::head_size; ++i)
                y_[p][h * S::head_size + i] = out_[p][i] + w.skip[h] * active_[p][h * S::head_size + i];
    }
};

}  // namespace lipstream
