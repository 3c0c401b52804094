#pragma once
// swiglu.hpp - y = silu(gate) * up, with gate and up side by side in one row of width 2I (the fused gate_up projection).
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// gate_up [n, 2I] (gate first) -> y [n, I], contiguous rows in dtype.
void swiglu_forward(Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y);

// dy [n, I] -> dgate_up [n, 2I]; recomputes from gate_up, which may be the same memory as dgate_up.
void swiglu_backward(Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy, void* dgate_up);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device.
void swiglu_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y);

void swiglu_backward(
        const CudaQueue& queue, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy, void* dgate_up);

}  // namespace cuda
}  // namespace tbrm
