#pragma once
// scale.hpp - x *= factor, n elements in place: one fp32 product and one rounding each.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

void scale(Dtype dtype, int64_t n, float factor, void* x);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// The bits of the CPU twin.
void scale(const CudaQueue& queue, Dtype dtype, int64_t n, float factor, void* x);

}  // namespace cuda
}  // namespace tbrm
