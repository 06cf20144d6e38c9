// Hops of many streams of one model, group by group while the weights lie in cache. kernels/cpu/step.py calls it.

#include <algorithm>
#include <memory>
#include <new>

#include "stream.h"

namespace lipstream {

struct Pool {
    Weights weights{};
    std::unique_ptr<Stream[]> streams;
#ifdef LIPSTREAM_GATE_BANDS
    Sight sight;
#endif

    Pool(Reader &reader, int count) : streams(new (std::nothrow) Stream[count]()) { weights.read(reader); }
};

}  // namespace lipstream

using lipstream::Pool;
using lipstream::Step;

#define EXPORT extern "C" __attribute__((visibility("default")))

// Streams at their start; null where the number of packed weights does not fit the sizes, or there is no memory.
EXPORT Pool *pool_create(const float *weights, long count, int streams) {
    lipstream::Reader reader(weights, count);
    auto *pool = new (std::nothrow) Pool(reader, streams);
    if (pool != nullptr && pool->streams != nullptr && reader.fits()) return pool;
    delete pool;
    return nullptr;
}

EXPORT void pool_destroy(Pool *pool) { delete pool; }

EXPORT long pool_state_bytes() { return sizeof(lipstream::State) + lipstream::kSightBytes; }

EXPORT void pool_reset(Pool *pool, int stream) { pool->streams[stream].reset(); }

// What one thread needs to step streams of a pool, which must outlive it; null where there is no memory.
EXPORT Step *step_create(const Pool *pool) { return new (std::nothrow) Step(pool->weights); }

EXPORT void step_destroy(Step *step) { delete step; }

// One hop of each stream that is listed. Rows of all arrays are those of the pool's streams.
EXPORT void step_hops(Step *step, Pool *pool, const int *listed, int count, const float *hops, const float *embeddings,
                      const float *ages_s, const float *dry, float *out, float *alphas) {
    using namespace lipstream;
    for (int first = 0; first < count; first += kGroup) {
        Hop group[kGroup];
        const int size = std::min(kGroup, count - first);
        for (int i = 0; i < size; ++i) {
            const int s = listed[first + i];
            group[i] = {&pool->streams[s], hops + s * kHop, embeddings + s * kEmbedding, ages_s[s], dry[s],
                        out + s * kHop, alphas + s};
        }
        (*step)(group, size);
    }
}

#ifdef LIPSTREAM_GATE_BANDS
// One tick of encoder C for a stream, which may be its first: [kPoints][3] to a cue.
EXPORT void pool_see(Pool *pool, int stream, int first, const float *landmarks, float age_s, float *cue) {
    auto &state = pool->streams[stream].sight;
    if (first) state = {};
    const auto *points = reinterpret_cast<const float (*)[3]>(landmarks);
    pool->sight.see(pool->weights.sight, points, age_s, state, cue);
}
#endif
