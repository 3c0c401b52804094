#pragma once
// slab_avx2.hpp - repacking by 8 x 8 transposes in registers. Whole blocks here, the rest by gemm/slab_scalar.hpp.
#include <immintrin.h>

#include "gemm/slab_scalar.hpp"

namespace tbrm {
namespace {

// rows[i] lane j <-> rows[j] lane i.
inline void transpose_8x8(__m256 (&rows)[8]) {
    __m256 t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        t[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    __m256 q[8];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
        q[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        q[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        q[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        q[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        rows[i] = _mm256_permute2f128_ps(q[i], q[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2f128_ps(q[i], q[i + 4], 0x31);
    }
}

inline __m256 load_words(const void* p) {
    return _mm256_loadu_ps(static_cast<const float*>(p));
}

inline void store_words(void* p, __m256 x) {
    _mm256_storeu_ps(static_cast<float*>(p), x);
}

void transpose_slab_f32_avx2(int64_t k, const void* src, void* dst) {
    if (k < 64) return transpose_slab_scalar<float>(k, src, dst);
    const float* from = static_cast<const float*>(src);
    float* to = static_cast<float*>(dst);
    for (int64_t c = 0; c < 64; c += 8) {
        for (int64_t i = 0; i < 64; i += 8) {
            __m256 rows[8];
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                rows[r] = load_words(from + (i + r) * 64 + c);
            transpose_8x8(rows);
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                store_words(to + (c + r) * 64 + i, rows[r]);
        }
    }
}

// Words 0, 2, .. 14 (or 1, 3, .. 15) of the sixteen in low and high.
inline __m256i every_other(__m256 low, __m256 high, bool odd) {
    const __m256 mixed = odd ? _mm256_shuffle_ps(low, high, 0xdd) : _mm256_shuffle_ps(low, high, 0x88);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
}

// As 32-bit words: from[k/2][c] = (k even, k odd), to[c/2][k] = (c even, c odd).
void transpose_slab_bf16_avx2(int64_t k, const void* src, void* dst) {
    if (k < 64) return transpose_slab_scalar<bf16>(k, src, dst);
    const uint32_t* from = static_cast<const uint32_t*>(src);
    uint32_t* to = static_cast<uint32_t*>(dst);
    for (int64_t c = 0; c < 64; c += 16) {              // 8 pairs of columns
        for (int64_t pair = 0; pair < 32; pair += 4) {  // 8 values of k
            __m256 rows[8];
#pragma GCC unroll 4
            for (int r = 0; r < 4; ++r) {
                const __m256 low = load_words(from + (pair + r) * 64 + c);
                const __m256 high = load_words(from + (pair + r) * 64 + c + 8);
                const __m256i first = every_other(low, high, false), second = every_other(low, high, true);
                rows[2 * r] = _mm256_castsi256_ps(_mm256_blend_epi16(first, _mm256_slli_epi32(second, 16), 0xaa));
                rows[2 * r + 1] = _mm256_castsi256_ps(_mm256_blend_epi16(_mm256_srli_epi32(first, 16), second, 0xaa));
            }
            transpose_8x8(rows);
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                store_words(to + (c / 2 + r) * 64 + pair * 2, rows[r]);
        }
    }
}

// Columns c .. c + 7 of two rows as 32-bit pairs (first row low).
inline __m256 row_pairs(const bf16* first, const bf16* second) {
    const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
    const __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(second)));
    return _mm256_castsi256_ps(_mm256_or_si256(low, _mm256_slli_epi32(high, 16)));
}

void interleave_rows_f32_avx2(int64_t n, int64_t cols, const void* src, int64_t ld, int64_t slab_cols, void* slab) {
    if (cols != slab_cols || cols % 8 != 0) return interleave_rows_scalar<float>(n, cols, src, ld, slab_cols, slab);
    const float* from = static_cast<const float*>(src);
    float* to = static_cast<float*>(slab);
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t c = 0; c < cols; c += 8)
            store_words(to + i * cols + c, load_words(from + i * ld + c));
    }
}

void interleave_rows_bf16_avx2(int64_t n, int64_t cols, const void* src, int64_t ld, int64_t slab_cols, void* slab) {
    if (cols != slab_cols || cols % 8 != 0) return interleave_rows_scalar<bf16>(n, cols, src, ld, slab_cols, slab);
    const bf16* from = static_cast<const bf16*>(src);
    bf16* to = static_cast<bf16*>(slab);
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        for (int64_t c = 0; c < cols; c += 8)
            store_words(to + (i / 2 * cols + c) * 2, row_pairs(from + i * ld + c, from + (i + 1) * ld + c));
    }
    interleave_rows_scalar<bf16>(n - i, cols, from + i * ld, ld, slab_cols, to + i * cols);
}

void transpose_rows_f32_avx2(int64_t n, int64_t cols, const void* src, int64_t ld, void* dst, int64_t ldd) {
    const float* from = static_cast<const float*>(src);
    float* to = static_cast<float*>(dst);
    const int64_t n_whole = n / 8 * 8, cols_whole = cols / 8 * 8;
    for (int64_t i = 0; i < n_whole; i += 8) {
        for (int64_t c = 0; c < cols_whole; c += 8) {
            __m256 rows[8];
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                rows[r] = load_words(from + (i + r) * ld + c);
            transpose_8x8(rows);
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                store_words(to + (c + r) * ldd + i, rows[r]);
        }
    }
    transpose_rows_scalar<float>(n_whole, cols - cols_whole, from + cols_whole, ld, to + cols_whole * ldd, ldd);
    transpose_rows_scalar<float>(n - n_whole, cols, from + n_whole * ld, ld, to + n_whole, ldd);
}

void transpose_rows_bf16_avx2(int64_t n, int64_t cols, const void* src, int64_t ld, void* dst, int64_t ldd) {
    const bf16* from = static_cast<const bf16*>(src);
    bf16* to = static_cast<bf16*>(dst);
    const int64_t n_whole = n / 16 * 16, cols_whole = cols / 8 * 8;
    for (int64_t i = 0; i < n_whole; i += 16) {
        for (int64_t c = 0; c < cols_whole; c += 8) {
            __m256 rows[8];
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                rows[r] = row_pairs(from + (i + 2 * r) * ld + c, from + (i + 2 * r + 1) * ld + c);
            transpose_8x8(rows);
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r)
                store_words(to + (c + r) * ldd + i, rows[r]);
        }
    }
    transpose_rows_scalar<bf16>(n_whole, cols - cols_whole, from + cols_whole, ld, to + cols_whole * ldd, ldd);
    transpose_rows_scalar<bf16>(n - n_whole, cols, from + n_whole * ld, ld, to + n_whole, ldd);
}

}  // namespace
}  // namespace tbrm
