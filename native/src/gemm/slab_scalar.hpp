#pragma once
// slab_scalar.hpp - the plain forms of gemm/micro_kernel.hpp: the scalar instruction set, and the edges of the others. In an anonymous
// namespace for the reason given in gemm/vec.hpp.
#include <cstdint>
#include <cstring>

#include "core/dtype.hpp"

namespace tbrm {
namespace {

inline float slab_value(float x) {
    return x;
}

inline float slab_value(bf16 x) {
    const uint32_t wide = static_cast<uint32_t>(x.bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

inline int64_t slab_index(const float*, int64_t i, int64_t c, int64_t cols) {
    return i * cols + c;
}

inline int64_t slab_index(const bf16*, int64_t i, int64_t c, int64_t cols) {
    return (i / 2 * cols + c) * 2 + i % 2;
}

// Columns [first, cols) of a slab with `cols` columns.
template <class T>
inline void tile_columns_scalar(int64_t rows, int64_t first, int64_t cols, int64_t k, const T* a, int64_t lda,
        const T* b, float* acc, int64_t ldacc, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r) {
        float* row = acc + r * ldacc;
        for (int64_t c = first; c < cols; ++c) {
            if (!accumulate) row[c] = 0.0f;
        }
        for (int64_t i = 0; i < k; ++i) {
            const float x = slab_value(a[r * lda + i]);
            const T* line = b + slab_index(b, i, 0, cols);
            constexpr int64_t kStep = sizeof(T) == 4 ? 1 : 2;
            for (int64_t c = first; c < cols; ++c) {
                row[c] += x * slab_value(line[c * kStep]);
            }
        }
    }
}

template <class T>
inline void transpose_slab_scalar(int64_t k, const void* src, void* dst) {
    const T* from = static_cast<const T*>(src);
    T* to = static_cast<T*>(dst);
    constexpr int64_t kCols = 64;
    for (int64_t c = 0; c < kCols; ++c) {
        for (int64_t i = 0; i < kCols; ++i) {
            to[slab_index(to, c, i, kCols)] = i < k ? from[slab_index(from, i, c, kCols)] : T{};
        }
    }
}

template <class T>
inline void interleave_rows_scalar(
        int64_t n, int64_t cols, const void* src, int64_t ld, int64_t slab_cols, void* slab) {
    const T* from = static_cast<const T*>(src);
    T* to = static_cast<T*>(slab);
    const int64_t padded = sizeof(T) == 4 ? n : (n + 1) / 2 * 2;
    for (int64_t i = 0; i < padded; ++i) {
        for (int64_t c = 0; c < slab_cols; ++c) {
            to[slab_index(to, i, c, slab_cols)] = i < n && c < cols ? from[i * ld + c] : T{};
        }
    }
}

template <class T>
inline void transpose_rows_scalar(int64_t n, int64_t cols, const void* src, int64_t ld, void* dst, int64_t ldd) {
    const T* from = static_cast<const T*>(src);
    T* to = static_cast<T*>(dst);
    constexpr int64_t kBlock = 32;
    for (int64_t c0 = 0; c0 < cols; c0 += kBlock) {
        const int64_t c1 = c0 + kBlock < cols ? c0 + kBlock : cols;
        for (int64_t i = 0; i < n; ++i) {
            for (int64_t c = c0; c < c1; ++c) {
                to[c * ldd + i] = from[i * ld + c];
            }
        }
    }
}

}  // namespace
}  // namespace tbrm
