// What Python calls: convolutions along frequency with the factors of their products rounded to bfloat16, where the
// processor has AMX. conv.cpp is the oracle; kernels/cpu_conv.py tells the arguments.

#include "amx.h"

#ifdef LIPSTREAM_AMX

#include "conv_frames.h"
#include "rounded_conv.h"

// Whether convolutions are worked on here.
extern "C" int conv_rounds(const int *) { return lipstream::tiles::allowed(); }

EXPORT_CONV(float, bfloat16, lipstream::RoundedProducts)

#else

extern "C" int conv_rounds(const int *) { return 0; }

#endif
