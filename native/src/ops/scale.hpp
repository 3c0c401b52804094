#pragma once
// scale.hpp - x *= factor, n rows of d elements in place, ldx elements from row to row: one fp32 product and one rounding each.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

void scale(Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// The bits of the CPU twin.
void scale(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx);

}  // namespace cuda
}  // namespace tbrm
