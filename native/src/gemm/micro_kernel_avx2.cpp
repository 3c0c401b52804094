#include "gemm/finish_rows.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/step_bf16_wide.hpp"

namespace tbrm {
namespace cpu {

const MicroKernels* micro_kernels_avx2() {
    static const MicroKernels table = {tile_vec<StepF32>, tile_vec<StepBf16Wide>, transpose_slab_scalar<float>,
            transpose_slab_scalar<bf16>, interleave_rows_scalar<float>, interleave_rows_scalar<bf16>,
            transpose_rows_scalar<float>, transpose_rows_scalar<bf16>, finish_rows_vec<float>, finish_rows_vec<bf16>,
            column_sums_vec<float>, column_sums_vec<bf16>};
    return &table;
}

}  // namespace cpu
}  // namespace tbrm
