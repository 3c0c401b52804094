#pragma once
// micro_kernel.hpp - the building blocks of every product on the processor: linear layers, the head, attention.
//
// A *slab* is a k x cols matrix whose columns are vector lanes:
//     fp32   [k][cols]
//     bf16   [ceil(k/2)][cols][2]       pairs along k; the second half of an odd last pair is never used
// A panel of W (gemm/panels.hpp) is a slab with cols = 64, and rows [k0, k1) of a slab, k0 even, are the slab at + k0 * cols elements.
// What is needed for the three products of a layer y = x W^T:
//     y tile      = tile(x rows, panel of W)
//     dx tile     = tile(dy rows, transpose_slab of W's panels)
//     dW panel   += tile(rows of transpose_rows(x), interleave_rows(dy))     acc is the fp32 panel itself, ldacc = 64
//
// Bits: an element of acc is one chain of additions over i = 0 .. k-1 (bf16: pair by pair), starting from what acc holds, or from zero.
// It does not depend on the number of rows or on the row's place among them; a chain may be cut at any even i and continued with
// accumulate = true. Chains differ between instruction sets.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

constexpr int64_t kSlabCols = 64;

struct MicroKernels {
    // acc[r*ldacc + c] = (accumulate ? acc[r*ldacc + c] : 0) + sum_i a[r*lda + i] * b[i][c], r < rows, c < cols, i < k.
    // a: rows of the dtype, row-major, any alignment. b: slab. Any size from 0; fast where cols is a multiple of 16.
    using Tile = void (*)(int64_t rows, int64_t cols, int64_t k, const void* a, int64_t lda, const void* b, float* acc,
            int64_t ldacc, bool accumulate);
    Tile tile_f32;
    Tile tile_bf16;

    // dst[c][i] = src[i][c]: the first k <= 64 rows of a slab of 64 columns become the columns of a slab of 64 rows and 64 columns; columns
    // k and up are zero.
    using TransposeSlab = void (*)(int64_t k, const void* src, void* dst);
    TransposeSlab transpose_slab_f32;
    TransposeSlab transpose_slab_bf16;

    // Row-major src [n][cols] -> slab of n rows and slab_cols columns, zero beyond cols (and in the second half of an odd last pair).
    using InterleaveRows = void (*)(
            int64_t n, int64_t cols, const void* src, int64_t ld, int64_t slab_cols, void* slab);
    InterleaveRows interleave_rows_f32;
    InterleaveRows interleave_rows_bf16;

    // dst[c*ldd + i] = src[i*ld + c], i < n, c < cols.
    using TransposeRows = void (*)(int64_t n, int64_t cols, const void* src, int64_t ld, void* dst, int64_t ldd);
    TransposeRows transpose_rows_f32;
    TransposeRows transpose_rows_bf16;

    // y[r*ldy + c] = acc[r*ldacc + c] + bias[c] (bias may be null) + (add_to ? y[r*ldy + c] : 0), in fp32, rounded once to the dtype of y.
    using FinishRows = void (*)(int64_t rows, int64_t cols, const float* acc, int64_t ldacc, const float* bias,
            bool add_to, void* y, int64_t ldy);
    FinishRows finish_rows_f32;
    FinishRows finish_rows_bf16;

    // sum[c] += src[0*ld + c] + src[1*ld + c] + ..., in that order.
    using ColumnSums = void (*)(int64_t rows, int64_t cols, const void* src, int64_t ld, float* sum);
    ColumnSums column_sums_f32;
    ColumnSums column_sums_bf16;

    Tile tile(Dtype dtype) const { return dtype == Dtype::F32 ? tile_f32 : tile_bf16; }
    TransposeSlab transpose_slab(Dtype dtype) const {
        return dtype == Dtype::F32 ? transpose_slab_f32 : transpose_slab_bf16;
    }
    InterleaveRows interleave_rows(Dtype dtype) const {
        return dtype == Dtype::F32 ? interleave_rows_f32 : interleave_rows_bf16;
    }
    TransposeRows transpose_rows(Dtype dtype) const {
        return dtype == Dtype::F32 ? transpose_rows_f32 : transpose_rows_bf16;
    }
    FinishRows finish_rows(Dtype dtype) const { return dtype == Dtype::F32 ? finish_rows_f32 : finish_rows_bf16; }
    ColumnSums column_sums(Dtype dtype) const { return dtype == Dtype::F32 ? column_sums_f32 : column_sums_bf16; }
};

// Elements of a slab, the padding of an odd k included.
inline int64_t slab_elements(Dtype dtype, int64_t k, int64_t cols) {
    return (dtype == Dtype::F32 ? k : (k + 1) / 2 * 2) * cols;
}

// Of core/isa.hpp's active instruction set.
const MicroKernels& micro_kernels();

// One per instruction set; null where it is not compiled in.
const MicroKernels* micro_kernels_scalar();
const MicroKernels* micro_kernels_avx2();
const MicroKernels* micro_kernels_avx512();
const MicroKernels* micro_kernels_avx512bf16();

}  // namespace cpu
}  // namespace tbrm
