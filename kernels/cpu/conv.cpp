// What Python calls: convolutions along frequency in float and double. torch.nn.functional.conv2d and prelu are the
// oracle; kernels/cpu_conv.py tells the arguments.

#include "conv_frames.h"

EXPORT_CONV(float, float, lipstream::ExactProducts<float>)
EXPORT_CONV(double, double, lipstream::ExactProducts<double>)
