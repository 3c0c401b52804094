// micro_kernel_scalar.cpp - any processor.
#include "gemm/finish_rows.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/slab_scalar.hpp"

namespace tbrm {
namespace cpu {
namespace {

template <class T>
void tile_scalar(int64_t rows, int64_t cols, int64_t k, const void* a, int64_t lda, const void* b, float* acc,
        int64_t ldacc, bool accumulate) {
    tile_columns_scalar(
            rows, 0, cols, k, static_cast<const T*>(a), lda, static_cast<const T*>(b), acc, ldacc, accumulate);
}

}  // namespace

const MicroKernels* micro_kernels_scalar() {
    static const MicroKernels table = {tile_scalar<float>, tile_scalar<bf16>, transpose_slab_scalar<float>,
            transpose_slab_scalar<bf16>, interleave_rows_scalar<float>, interleave_rows_scalar<bf16>,
            transpose_rows_scalar<float>, transpose_rows_scalar<bf16>, finish_rows_vec<float>, finish_rows_vec<bf16>,
            column_sums_vec<float>, column_sums_vec<bf16>};
    return &table;
}

}  // namespace cpu
}  // namespace tbrm
