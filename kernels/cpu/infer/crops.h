// Encoders of lip crops run elsewhere: nothing of them is compiled into the step.

#pragma once

#include "sizes.h"

namespace lipstream {

struct SightWeights {
    void read(Reader &) {}
};

struct SightState {};

}  // namespace lipstream
