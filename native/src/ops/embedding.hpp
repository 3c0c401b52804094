#pragma once
// embedding.hpp - rows of W[V, D], which is in panels on CPU (the head reads the same memory when tied).
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// y[n, :] = W[ids[n], :].
void embedding_forward(Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y);

// dw (fp32 panels) [ids[n], :] += dy[n, :], in the order of n for each row: no atomics.
void embedding_backward(
        Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device, W and dW row-major. ids cannot be checked from here: whoever uploads them
// has to.
void embedding_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids,
        const void* w, void* y);

void embedding_backward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids,
        const void* dy, float* dw);

}  // namespace cuda
}  // namespace tbrm
