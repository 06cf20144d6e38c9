// Encoders of lip crops run elsewhere: nothing of them is compiled into the step.

#pragma once

#include "../sizes.h"

namespace lipstream {

struct SightWeights {
    void read(Reader &) {}
};

struct SightState {};

constexpr long kSightBytes = 0;

}  // namespace lipstream
