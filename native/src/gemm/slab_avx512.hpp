#pragma once
// slab_avx512.hpp - repacking by 16 x 16 transposes in registers. Whole blocks here, the rest by gemm/slab_scalar.hpp.
#include <immintrin.h>

#include "gemm/slab_scalar.hpp"

namespace tbrm {
namespace {

// rows[i] lane j <-> rows[j] lane i.
inline void transpose_16x16(__m512i (&rows)[16]) {
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        rows[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        rows[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        rows[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        rows[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        rows[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        rows[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

void transpose_slab_f32_avx512(int64_t k, const void* src, void* dst) {
    if (k < 64) return transpose_slab_scalar<float>(k, src, dst);
    const float* from = static_cast<const float*>(src);
    float* to = static_cast<float*>(dst);
    for (int64_t i = 0; i < 64; i += 16) {
        for (int64_t c = 0; c < 64; c += 16) {
            __m512i rows[16];
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                rows[r] = _mm512_loadu_si512(from + (i + r) * 64 + c);
            }
            transpose_16x16(rows);
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                _mm512_storeu_si512(to + (c + r) * 64 + i, rows[r]);
            }
        }
    }
}

// As 32-bit words: from[k/2][c] = (k even, k odd), to[c/2][k] = (c even, c odd).
void transpose_slab_bf16_avx512(int64_t k, const void* src, void* dst) {
    if (k < 64) return transpose_slab_scalar<bf16>(k, src, dst);
    const uint32_t* from = static_cast<const uint32_t*>(src);
    uint32_t* to = static_cast<uint32_t*>(dst);
    alignas(64) uint16_t pick_even[32], pick_odd[32];
    for (int i = 0; i < 32; ++i) {
        pick_even[i] = static_cast<uint16_t>(2 * i);
        pick_odd[i] = static_cast<uint16_t>(2 * i + 1);
    }
    const __m512i even = _mm512_load_si512(pick_even), odd = _mm512_load_si512(pick_odd);
    for (int64_t pair = 0; pair < 32; pair += 8) {  // 16 values of k
        for (int64_t c = 0; c < 64; c += 32) {      // 16 pairs of columns
            __m512i rows[16];
#pragma GCC unroll 8
            for (int r = 0; r < 8; ++r) {
                const __m512i low = _mm512_loadu_si512(from + (pair + r) * 64 + c);
                const __m512i high = _mm512_loadu_si512(from + (pair + r) * 64 + c + 16);
                rows[2 * r] = _mm512_permutex2var_epi16(low, even, high);
                rows[2 * r + 1] = _mm512_permutex2var_epi16(low, odd, high);
            }
            transpose_16x16(rows);
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                _mm512_storeu_si512(to + (c / 2 + r) * 64 + pair * 2, rows[r]);
            }
        }
    }
}

// Columns c .. c + 15 of two rows as 32-bit pairs (first row low).
inline __m512i row_pairs(const bf16* first, const bf16* second) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)));
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(second)));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

void interleave_rows_bf16_avx512(int64_t n, int64_t cols, const void* src, int64_t ld, int64_t slab_cols, void* slab) {
    const bf16* from = static_cast<const bf16*>(src);
    bf16* to = static_cast<bf16*>(slab);
    if (cols != slab_cols || cols % 16 != 0) {
        return interleave_rows_scalar<bf16>(n, cols, src, ld, slab_cols, slab);
    }
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        for (int64_t c = 0; c < cols; c += 16) {
            _mm512_storeu_si512(to + (i / 2 * cols + c) * 2, row_pairs(from + i * ld + c, from + (i + 1) * ld + c));
        }
    }
    interleave_rows_scalar<bf16>(n - i, cols, from + i * ld, ld, slab_cols, to + i * cols);
}

void transpose_rows_f32_avx512(int64_t n, int64_t cols, const void* src, int64_t ld, void* dst, int64_t ldd) {
    const float* from = static_cast<const float*>(src);
    float* to = static_cast<float*>(dst);
    const int64_t n_whole = n / 16 * 16, cols_whole = cols / 16 * 16;
    for (int64_t c = 0; c < cols_whole; c += 16) {
        for (int64_t i = 0; i < n_whole; i += 16) {
            __m512i rows[16];
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                rows[r] = _mm512_loadu_si512(from + (i + r) * ld + c);
            }
            transpose_16x16(rows);
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                _mm512_storeu_si512(to + (c + r) * ldd + i, rows[r]);
            }
        }
    }
    transpose_rows_scalar<float>(n_whole, cols - cols_whole, from + cols_whole, ld, to + cols_whole * ldd, ldd);
    transpose_rows_scalar<float>(n - n_whole, cols, from + n_whole * ld, ld, to + n_whole, ldd);
}

void transpose_rows_bf16_avx512(int64_t n, int64_t cols, const void* src, int64_t ld, void* dst, int64_t ldd) {
    const bf16* from = static_cast<const bf16*>(src);
    bf16* to = static_cast<bf16*>(dst);
    const int64_t n_whole = n / 32 * 32, cols_whole = cols / 16 * 16;
    for (int64_t c = 0; c < cols_whole; c += 16) {
        for (int64_t i = 0; i < n_whole; i += 32) {
            __m512i rows[16];
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                rows[r] = row_pairs(from + (i + 2 * r) * ld + c, from + (i + 2 * r + 1) * ld + c);
            }
            transpose_16x16(rows);
#pragma GCC unroll 16
            for (int r = 0; r < 16; ++r) {
                _mm512_storeu_si512(to + (c + r) * ldd + i, rows[r]);
            }
        }
    }
    transpose_rows_scalar<bf16>(n_whole, cols - cols_whole, from + cols_whole, ld, to + cols_whole * ldd, ldd);
    transpose_rows_scalar<bf16>(n - n_whole, cols, from + n_whole * ld, ld, to + n_whole, ldd);
}

}  // namespace
}  // namespace tbrm
