#pragma once
// add.hpp - y += x, n elements: one fp32 sum and one rounding each.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

void add(Dtype dtype, int64_t n, const void* x, void* y);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// The bits of the CPU twin.
void add(const CudaQueue& queue, Dtype dtype, int64_t n, const void* x, void* y);

}  // namespace cuda
}  // namespace tbrm
