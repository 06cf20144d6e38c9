// The sizes of one model, compiled in: kernels/cpu/step.py gives them as macros, so that every loop has a known length.

#pragma once

#include "product.h"

namespace lipstream {

constexpr int kWindow = LIPSTREAM_WINDOW, kHop = LIPSTREAM_HOP, kHistory = kWindow - kHop, kBins = kWindow / 2 + 1;
constexpr int kChannels = LIPSTREAM_CHANNELS, kBlocks = LIPSTREAM_BLOCKS;
constexpr int kEmbedding = LIPSTREAM_EMBEDDING, kHidden = LIPSTREAM_HIDDEN;

constexpr int kLevelHold = LIPSTREAM_LEVEL_HOLD;  // frames for which the level's peak is held

constexpr int kBands = LIPSTREAM_BANDS;  // positions along frequency that the codec makes of the bins
constexpr int kBinLanes = whole(kBins), kChannelLanes = whole(kChannels);

// Streams that go through the blocks together at most, so that they share the reading of a memory's weights; twice as
// many gain little more. No other weights are so many that it would pay.
#ifdef LIPSTREAM_MEMORY
constexpr int kGroup = 8;
#else
constexpr int kGroup = 1;
#endif

// Takes packed weights one after the other, in the order in which models/store/step/weights.py lists them.
class Reader {
  public:
    Reader(const float *from, long count) : from_(from), count_(count) {}

    // A part of a matrix, by default all of it.
    template <int kRows, int kColumns>
    void operator()(Padded<kRows, kColumns> &to, int rows = kRows, int columns = kColumns, int row = 0,
                    int column = 0) {
        for (int i = 0; i < rows; ++i) (*this)(&to[row + i][column], columns);
    }

    void operator()(float *to, int count) {
        for (int i = 0; i < count; ++i, ++at_) to[i] = at_ < count_ ? from_[at_] : 0.0f;
    }

    // Whether there were as many numbers as were taken.
    bool fits() const { return at_ == count_; }

  private:
    const float *from_;
    long count_, at_ = 0;
};

}  // namespace lipstream
