// The most that the products of the step can do on one core: operands that lie in the first cache, and full tiles.

#include "product.h"

namespace {

constexpr int kRows = 48, kColumns = 64, kDepth = 48;

lipstream::Padded<kRows, kDepth> a{};
lipstream::Padded<kDepth, kColumns> b{};
lipstream::Padded<kRows, kColumns> sum{};

}  // namespace

// -> multiply-accumulates done
extern "C" double peak_products(int repeats) {
    for (int k = 0; k < repeats; ++k)
        lipstream::product<kRows, kColumns, kDepth, 1, true>({a[0], a.stride}, {b[0], b.stride}, {sum[0], sum.stride});
    return double(kRows) * kColumns * kDepth * repeats;
}
