// The mixer along frequency: both directions of a frame as one matrix a head (kernels/ssd.py: ssd_two_sided).

#pragma once

#include "step_mixer.h"

namespace lipstream {

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
