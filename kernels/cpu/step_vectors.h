// Vectors of the processor's own width, and matrices whose rows are whole vectors.

#pragma once

namespace lipstream {

// The widest vectors of the processor, and how many it holds in registers.
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kRegisters = 32;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16, kRegisters = 32;
#else
constexpr int kVectorBytes = 16, kRegisters = 16;
#endif
constexpr int kLanes = kVectorBytes / sizeof(float);
typedef float Vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(float)), may_alias));

// Rounded up to whole vectors.
constexpr int whole(int count) { return (count + kLanes - 1) / kLanes * kLanes; }

// A matrix with rows of whole vectors; everything starts as zero, and so the padding stays.
template <int kRows, int kColumns>
struct alignas(64) Padded {
    static constexpr int stride = whole(kColumns);
    float data[kRows][stride];
    float *operator[](int row) { return data[row]; }
    const float *operator[](int row) const { return data[row]; }
};

static inline Vector load(const float *from) { return *reinterpret_cast<const Vector *>(from); }
static inline void store(float *to, Vector v) { *reinterpret_cast<Vector *>(to) = v; }

}  // namespace lipstream
