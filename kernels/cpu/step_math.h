// Logarithms without branches, so that loops over them vectorise.

#pragma once

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

}  // namespace lipstream
