#include "gemm/finish_rows.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/slab_avx2.hpp"
#include "gemm/tile_avx2.hpp"

namespace tbrm {
namespace cpu {

const MicroKernels* micro_kernels_avx2() {
    static const MicroKernels table = {tile_avx2<PieceF32>, tile_avx2<PieceBf16>, transpose_slab_f32_avx2,
            transpose_slab_bf16_avx2, interleave_rows_f32_avx2, interleave_rows_bf16_avx2, transpose_rows_f32_avx2,
            transpose_rows_bf16_avx2, finish_rows_vec<float>, finish_rows_vec<bf16>, column_sums_vec<float>,
            column_sums_vec<bf16>};
    return &table;
}

}  // namespace cpu
}  // namespace tbrm
