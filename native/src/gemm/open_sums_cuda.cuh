#pragma once
// open_sums_cuda.cuh - adds up what multiply_open left behind: the parts of an element's depth in order, from zero, as a block that walks them all.
#include "gemm/product_cuda.hpp"

namespace tbrm {
namespace cuda {

// at: row * cols + col.
__device__ inline float summed(const OpenSums& open, int64_t at) {
    float sum = 0.0f;
    for (int64_t part = 0; part < open.count; ++part)
        sum = __fadd_rn(sum, open.sums[part * open.stride + at]);
    return sum;
}

}  // namespace cuda
}  // namespace tbrm
