// Logarithms and angles without branches, so that loops over them vectorise.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace lipstream {

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
