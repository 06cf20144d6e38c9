// Functions of one number without branches, so that loops over them vectorise; and the RMS norm.

#pragma once

#include <algorithm>
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

// The exponent is bounded, in float by `exponential` itself: a fast reciprocal of infinity would not be 0 but NaN.
template <typename T>
ALWAYS_INLINE T sigmoid(T x) {
    if constexpr (sizeof(T) == 8) x = x > T(-80) ? x : T(-80);
    return T(1) / (T(1) + exponential(-x));
}

// 2 artanh(s) = log((1 + s) / (1 - s)) by its series, for |s| <= 0.18: 1e-7 relative.
inline float twice_artanh(float s) {
    const float q = s * s;
    return s * (2 + q * (2 / 3.0f + q * (2 / 5.0f + q * (2 / 7.0f + q * (2 / 9.0f)))));
}

// Mantissa in [1 / sqrt 2, sqrt 2) of a normal number, and its exponent.
__attribute__((always_inline)) inline float mantissa(float x, float &exponent) {
    std::int32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const std::int32_t power = (bits - 0x3f3504f3) >> 23;
    bits -= power << 23;
    exponent = static_cast<float>(power);
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// Natural logarithm of a normal number.
__attribute__((always_inline)) inline float logarithm(float x) {
    float exponent;
    const float m = mantissa(x, exponent);
    return exponent * 0.69314718f + twice_artanh((m - 1.0f) / (m + 1.0f));
}

// log(1 + e^x); the series serves where 1 + y would round y away.
template <typename T>
ALWAYS_INLINE T softplus(T x) {
    const T y = exponential(x < T(20) ? x : T(20));
    if constexpr (sizeof(T) == 8) return x < T(20) ? std::log1p(y) : x;
    const T log = y < T(0.03) ? y * (T(1) - y * (T(0.5) - y * (T(1) / 3 - y / 4))) : logarithm(T(1) + y);
    return x < T(20) ? log : x;
}

// Reciprocal of the root mean square (RMS norm) of so many numbers, in a row of them and zeros.
template <typename T>
inline T inverse_rms(const T *x, int width, int count, T eps) {
    T power = 0;
    for (int i = 0; i < width; ++i) power += x[i] * x[i];
    return T(1) / std::sqrt(power / count + eps);
}

template <typename T>
inline T inverse_rms(const T *x, int count, T eps) { return inverse_rms(x, count, count, eps); }

// Adds the gradient of x * inverse_rms(x) * weight to g_x, and that of the weight to g_weight.
template <typename T>
inline void rms_norm_backward(const T *x, int width, int count, T eps, const T *weight, const T *g_out, T *g_x,
                              T *g_weight) {
    const T scale = inverse_rms(x, width, count, eps);
    T along = 0;
    for (int i = 0; i < width; ++i) along += g_out[i] * weight[i] * x[i];
    along *= scale * scale * scale / count;
#pragma GCC ivdep
    for (int i = 0; i < width; ++i) {
        g_weight[i] += g_out[i] * x[i] * scale;
        g_x[i] += g_out[i] * weight[i] * scale - x[i] * along;
    }
}

// log(1 + x) for x >= 0, exact where 1 + x would round x away.
__attribute__((always_inline)) inline float logarithm_1p(float x) {
    float exponent;
    const float m = mantissa(1.0f + x, exponent);
    const float above = exponent == 0.0f ? x : m - 1.0f;
    return exponent * 0.69314718f + twice_artanh(above / (2.0f + above));
}

// atan2(y, x), 0 for y = x = 0 and pi for y = 0 and x < 0. Polynomial of the Cephes library's atanf, 2e-7 relative.
__attribute__((always_inline)) inline float angle(float y, float x) {
    constexpr float pi = 3.14159265f, eighth = 0.41421356f;  // eighth: tan(pi / 8)
    const float wide = std::fabs(x), high = std::fabs(y);
    const float ratio = std::min(wide, high) / std::max(std::max(wide, high), 1e-30f);
    const float t = ratio > eighth ? (ratio - 1.0f) / (ratio + 1.0f) : ratio, q = t * t;
    const float series =
        -3.33329491539e-1f + q * (1.99777106478e-1f + q * (-1.38776856032e-1f + q * 8.05374449538e-2f));
    float turn = (ratio > eighth ? pi / 4 : 0.0f) + t + t * q * series;
    turn = high > wide ? pi / 2 - turn : turn;
    turn = x < 0.0f ? pi - turn : turn;
    return y < 0.0f ? -turn : turn;
}

}  // namespace lipstream
