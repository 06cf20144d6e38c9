// The functions of one number that a mixer applies, without branches, so that loops over them vectorise.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace lipstream {

// Without it the compiler calls what it has inlined often enough, and a loop with a call stays scalar.
#define ALWAYS_INLINE __attribute__((always_inline)) inline

ALWAYS_INLINE double exponential(double x) { return std::exp(x); }

// 2^n * 2^r with n whole and |r| <= 1/2, 2^r by its Taylor series: 1e-7 relative, inlined where std::exp is a call.
ALWAYS_INLINE float exponential(float x) {
    const float power = (x > -87.0f ? (x < 88.0f ? x : 88.0f) : -87.0f) * 1.44269504f;
    const float whole = std::nearbyint(power), r = (power - whole) * 0.69314718f;
    const float series =
        1 + r * (1 + r * (1 / 2.0f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f))))));
    const std::int32_t bits = (static_cast<std::int32_t>(whole) + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return scale * series;
}

// The exponent is bounded because the fast reciprocal of infinity is not 0 but NaN.
template <typename T>
ALWAYS_INLINE T sigmoid(T x) { return T(1) / (T(1) + exponential(x > T(-80) ? -x : T(80))); }

template <typename T>
ALWAYS_INLINE T silu_slope(T x) {
    const T s = sigmoid(x);
    return s * (T(1) + x * (T(1) - s));
}

// log(1 + e^x); the series serves where 1 + y would round y away.
template <typename T>
ALWAYS_INLINE T softplus(T x) {
    const T y = exponential(x < T(20) ? x : T(20));
    if constexpr (sizeof(T) == 8) return x < T(20) ? std::log1p(y) : x;
    const T log = y < T(0.03) ? y * (T(1) - y * (T(0.5) - y * (T(1) / 3 - y / 4))) : std::log(T(1) + y);
    return x < T(20) ? log : x;
}

// Reciprocal of the root mean square (RMS norm).
template <typename T>
inline T inverse_rms(const T *x, int count, T eps) {
    T power = 0;
    for (int i = 0; i < count; ++i) power += x[i] * x[i];
    return T(1) / std::sqrt(power / count + eps);
}

// Adds the gradient of x * inverse_rms(x) * weight to g_x, and that of the weight to g_weight.
template <typename T>
inline void rms_norm_backward(const T *x, int count, T eps, const T *weight, const T *g_out, T *g_x, T *g_weight) {
    const T scale = inverse_rms(x, count, eps);
    T along = 0;
    for (int i = 0; i < count; ++i) along += g_out[i] * weight[i] * x[i];
    along *= scale * scale * scale / count;
#pragma GCC ivdep
    for (int i = 0; i < count; ++i) {
        g_weight[i] += g_out[i] * x[i] * scale;
        g_x[i] += g_out[i] * weight[i] * scale - x[i] * along;
    }
}

}  // namespace lipstream
