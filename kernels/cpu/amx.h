// Products of matrices rounded to bfloat16 and added up in float32, on the tiles of Intel's AMX.
//
// A tile is 16 rows of 64 bytes. `tdpbf16ps` adds to 16 x 16 sums the product of a left tile, 16 rows of 32 numbers,
// and a right one, which holds the rows 2k and 2k + 1 of its matrix as pairs in one row (Intel's Architecture
// Instruction Set Extensions Programming Reference, chapter 3). So a left factor has its rows padded to 32 numbers, and
// a right one is [depth / 2][columns][2], its depth padded to 32. The padding of one is zero, of the other finite.

#pragma once

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define LIPSTREAM_AMX

#include <sys/syscall.h>
#include <unistd.h>

#include "bfloat16.h"

namespace lipstream::tiles {

// Whether the system lets this process use the tiles, for which it has to be asked first.
inline bool allowed() {
    constexpr int request_permission = 0x1023, tile_data = 18;  // of arch_prctl(2)
    static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    return granted;
}

// The tiles of a thread, all of full size, while it lives.
class Tiles {
  public:
    Tiles() {
        struct alignas(64) {
            std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
            std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        } shape;
        asm volatile("" ::"m"(shape));  // the intrinsic names only its first bytes
        _tile_loadconfig(&shape);
    }
    ~Tiles() { _tile_release(); }
    Tiles(const Tiles &) = delete;
    Tiles &operator=(const Tiles &) = delete;
};

// A left and a right factor; strides in elements, of the right one in pairs. Rows of the left one may overlap.
struct Factors {
    const Bfloat16 *left;
    long left_stride;
    const Bfloat16 *right;
    long right_stride;
};

// 2 x 2 tiles at most, or 3 x 1: c (+)= left right.
template <int kRows, int kColumns>
inline void block(int depth, Factors f, float *c, long c_stride, bool add) {
    constexpr bool wide = kColumns > 1, tall = kRows > 1, third = kRows > 2;
    const long left_bytes = f.left_stride * 2, right_bytes = f.right_stride * 4, c_bytes = c_stride * 4;
    float *c_second = c + kTile * c_stride, *c_third = c_second + kTile * c_stride;
    asm volatile("" ::: "memory");  // the intrinsics do not say that they read
    if (add) {
        _tile_loadd(0, c, c_bytes);
        if constexpr (wide) _tile_loadd(1, c + kTile, c_bytes);
        if constexpr (tall) _tile_loadd(2, c_second, c_bytes);
        if constexpr (tall && wide) _tile_loadd(3, c_second + kTile, c_bytes);
        if constexpr (third) _tile_loadd(3, c_third, c_bytes);
    } else {
        _tile_zero(0);
        if constexpr (wide) _tile_zero(1);
        if constexpr (tall) _tile_zero(2);
        if constexpr ((tall && wide) || third) _tile_zero(3);
    }
    for (int k = 0; k < depth; k += kDepth, f.left += kDepth, f.right += kDepth * f.right_stride) {
        _tile_loadd(4, f.left, left_bytes);
        _tile_loadd(6, f.right, right_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (wide) {
            _tile_loadd(7, f.right + 2 * kTile, right_bytes);
            _tile_dpbf16ps(1, 4, 7);
        }
        if constexpr (tall) {
            _tile_loadd(5, f.left + kTile * f.left_stride, left_bytes);
            _tile_dpbf16ps(2, 5, 6);
        }
        if constexpr (tall && wide) _tile_dpbf16ps(3, 5, 7);
        if constexpr (third) {
            _tile_loadd(7, f.left + 2 * kTile * f.left_stride, left_bytes);
            _tile_dpbf16ps(3, 7, 6);
        }
    }
    _tile_stored(0, c, c_bytes);
    if constexpr (wide) _tile_stored(1, c + kTile, c_bytes);
    if constexpr (tall) _tile_stored(2, c_second, c_bytes);
    if constexpr (tall && wide) _tile_stored(3, c_second + kTile, c_bytes);
    if constexpr (third) _tile_stored(3, c_third, c_bytes);
}

// Three tiles of rows of a left factor that is one tile deep, read once for all columns: c = left right.
inline void shallow(int columns, Factors f, float *c, long c_stride) {
    const long left_bytes = f.left_stride * 2, right_bytes = f.right_stride * 4, c_bytes = c_stride * 4;
    asm volatile("" ::: "memory");
    _tile_loadd(4, f.left, left_bytes);
    _tile_loadd(5, f.left + kTile * f.left_stride, left_bytes);
    _tile_loadd(6, f.left + 2 * kTile * f.left_stride, left_bytes);
    for (int j = 0; j < columns; j += kTile, c += kTile) {
        _tile_loadd(7, f.right + 2 * j, right_bytes);
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_dpbf16ps(0, 4, 7);
        _tile_dpbf16ps(1, 5, 7);
        _tile_dpbf16ps(2, 6, 7);
        _tile_stored(0, c, c_bytes);
        _tile_stored(1, c + kTile * c_stride, c_bytes);
        _tile_stored(2, c + 2 * kTile * c_stride, c_bytes);
    }
}

// c [rows][columns] (+)= left right, rows and columns in whole tiles.
inline void product(int rows, int columns, int depth, Factors f, float *c, long c_stride, bool add = false) {
    if (rows == 3 * kTile && depth == kDepth && !add) return shallow(columns, f, c, c_stride);
    const int most = columns == kTile ? 3 : 2;
    for (int i = 0; i < rows; i += most * kTile) {
        const int tall = std::min((rows - i) / kTile, most);
        for (int j = 0; j < columns; j += 2 * kTile) {
            const auto call = columns - j > kTile ? (tall > 1 ? block<2, 2> : block<1, 2>)
                              : tall == 3         ? block<3, 1>
                                                  : (tall > 1 ? block<2, 1> : block<1, 1>);
            const Factors part{f.left + i * f.left_stride, f.left_stride, f.right + 2 * j, f.right_stride};
            call(depth, part, c + i * c_stride + j, c_stride, add);
        }
    }
}

}  // namespace lipstream::tiles

#endif
