// The codec of the model, one of two with one interface: a spectrum becomes positions along frequency, each a row of
// kChannels, and they become the enhanced spectrum.

#pragma once

#ifdef LIPSTREAM_REGIONS
#include "step_band_codec.h"
#else
#include "step_separable_codec.h"
#endif
