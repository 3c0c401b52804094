#include "gemm/finish_rows.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/slab_avx512.hpp"
#include "gemm/step_bf16_wide.hpp"

namespace tbrm {
namespace cpu {

const MicroKernels* micro_kernels_avx512() {
    static const MicroKernels table = {tile_vec<StepF32>, tile_vec<StepBf16Wide>, transpose_slab_f32_avx512,
            transpose_slab_bf16_avx512, interleave_rows_scalar<float>, interleave_rows_bf16_avx512,
            transpose_rows_f32_avx512, transpose_rows_bf16_avx512, finish_rows_vec<float>, finish_rows_vec<bf16>,
            column_sums_vec<float>, column_sums_vec<bf16>};
    return &table;
}

}  // namespace cpu
}  // namespace tbrm
