#include "ops/row_kernels_vec.hpp"

namespace tbrm {
namespace cpu {

const RowKernels* row_kernels_avx512bf16(Dtype dtype) {
    static const RowKernels f32 = row_kernels_of<float>(), half = row_kernels_of<bf16>();
    return dtype == Dtype::F32 ? &f32 : &half;
}

}  // namespace cpu
}  // namespace tbrm
