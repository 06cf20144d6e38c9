// What Python calls: the complex filter of each bin over its own past, its gains bounded, one frame after the other.
//
// Plain torch goes through the filters of all frames a dozen times forward, and twice as often back. Here a frame's lie
// in cache, and nothing is kept for the way back but the inputs. kernels/cpu/filter.py tells the arguments; the oracle is
// models.codecs.band.DeepFilter.

#include <algorithm>
#include <cmath>

namespace lipstream {
namespace {

// filters [B, T, F, K, 2] as they are before the bound; spectrum [B, 2, K - 1 + T, F], which begins with the past.
struct FilterShape {
    int batch, frames, bins, taps;
    long rows() const { return long(batch) * frames; }
    long filters(long row) const { return row * bins * taps * 2; }
    // Of a frame's real part; the imaginary part comes so many numbers later.
    long frame(long row) const { return (row / frames * 2 * frames + row % frames) * bins; }
    long to_imaginary() const { return long(frames) * bins; }
    long past(long row, int tap) const {
        const int all = taps - 1 + frames;
        return (row / frames * 2 * all + row % frames + taps - 1 - tap) * bins;
    }
    long past_to_imaginary() const { return long(taps - 1 + frames) * bins; }
};

// A gain that never reaches `limit`: h / sqrt(1 + |h|^2 / limit^2).
template <typename T>
void filter_forward(const FilterShape &s, T limit, int threads, const T *spectrum, const T *filters, T *out) {
    const T tightness = 1 / (limit * limit);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long row = 0; row < s.rows(); ++row) {
        T *real = out + s.frame(row), *imaginary = real + s.to_imaginary();
        std::fill_n(real, s.bins, T(0));
        std::fill_n(imaginary, s.bins, T(0));
        for (int k = 0; k < s.taps; ++k) {
            const T *xr = spectrum + s.past(row, k), *xi = xr + s.past_to_imaginary();
            const T *h = filters + s.filters(row) + 2 * k;
#pragma GCC ivdep
            for (int f = 0; f < s.bins; ++f) {
                const T hr = h[2 * s.taps * f], hi = h[2 * s.taps * f + 1];
                const T scale = 1 / std::sqrt(1 + (hr * hr + hi * hi) * tightness);
                real[f] += scale * (hr * xr[f] - hi * xi[f]);
                imaginary[f] += scale * (hr * xi[f] + hi * xr[f]);
            }
        }
    }
}

template <typename T>
void filter_backward(const FilterShape &s, T limit, int threads, const T *spectrum, const T *filters, const T *g_out,
                     T *g_filters) {
    const T tightness = 1 / (limit * limit);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long row = 0; row < s.rows(); ++row) {
        const T *gr = g_out + s.frame(row), *gi = gr + s.to_imaginary();
        for (int k = 0; k < s.taps; ++k) {
            const T *xr = spectrum + s.past(row, k), *xi = xr + s.past_to_imaginary();
            const T *h = filters + s.filters(row) + 2 * k;
            T *g = g_filters + s.filters(row) + 2 * k;
#pragma GCC ivdep
            for (int f = 0; f < s.bins; ++f) {
                const T hr = h[2 * s.taps * f], hi = h[2 * s.taps * f + 1];
                const T scale = 1 / std::sqrt(1 + (hr * hr + hi * hi) * tightness);
                const T to_real = gr[f] * xr[f] + gi[f] * xi[f], to_imaginary = gi[f] * xr[f] - gr[f] * xi[f];
                const T along = (hr * to_real + hi * to_imaginary) * scale * scale * tightness;
                g[2 * s.taps * f] = scale * (to_real - hr * along);
                g[2 * s.taps * f + 1] = scale * (to_imaginary - hi * along);
            }
        }
    }
}

FilterShape filter_shape(const int *v) { return {v[0], v[1], v[2], v[3]}; }

}  // namespace
}  // namespace lipstream

#define EXPORT(T, name)                                                                                              \
    extern "C" void filter_forward_##name(const int *shape, T limit, int threads, const T *spectrum,                \
                                          const T *filters, T *out) {                                               \
        lipstream::filter_forward<T>(lipstream::filter_shape(shape), limit, threads, spectrum, filters, out);       \
    }                                                                                                                \
    extern "C" void filter_backward_##name(const int *shape, T limit, int threads, const T *spectrum,               \
                                           const T *filters, const T *g_out, T *g_filters) {                        \
        lipstream::filter_backward<T>(lipstream::filter_shape(shape), limit, threads, spectrum, filters, g_out,     \
                                      g_filters);                                                                    \
    }
EXPORT(float, float)
EXPORT(double, double)
