// Arrays that begin with a cache line, so that no whole vector or row of a tile lies across two.

#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace lipstream {

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
