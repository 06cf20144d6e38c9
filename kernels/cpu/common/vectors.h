// Vectors of the processor's own width: the one place that decides how wide they are and how many registers hold them;
// and arrays that begin with a cache line, so that no whole vector lies across two.

#pragma once

#include <cstddef>
#include <new>
#include <vector>

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

// Vectors of a row, and rows, that a tile of a matrix product takes at most: beyond them, loads no longer hold it up.
constexpr int kWidestTile = kRegisters / 8, kTallestTile = kRegisters / 2;

// Rows of a tile that is so many vectors wide: its sums, a row of the right factor and one number of the left one fill
// the registers.
constexpr int tile_rows(int vectors) {
    const int rows = (kRegisters - 1 - vectors) / vectors;
    return rows < kTallestTile ? rows : kTallestTile;
}

template <typename T>
struct Simd {
    static constexpr int lanes = kVectorBytes / sizeof(T);
    typedef T vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
};

// The numbers from an address on as one vector.
template <typename T>
inline typename Simd<T>::vector &vector_at(T *at) { return *reinterpret_cast<typename Simd<T>::vector *>(at); }

template <typename T>
inline const typename Simd<T>::vector &vector_at(const T *at) {
    return *reinterpret_cast<const typename Simd<T>::vector *>(at);
}

// Rounded up to whole vectors.
template <typename T>
constexpr int padded(int count) { return (count + Simd<T>::lanes - 1) / Simd<T>::lanes * Simd<T>::lanes; }

template <typename T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t line{64};
    LineAllocator() = default;
    template <typename U>
    LineAllocator(const LineAllocator<U> &) {}
    T *allocate(std::size_t count) { return static_cast<T *>(::operator new(count * sizeof(T), line)); }
    void deallocate(T *at, std::size_t) { ::operator delete(at, line); }
    bool operator==(const LineAllocator &) const { return true; }
    bool operator!=(const LineAllocator &) const { return false; }
};

template <typename T>
using Buffer = std::vector<T, LineAllocator<T>>;

}  // namespace lipstream
