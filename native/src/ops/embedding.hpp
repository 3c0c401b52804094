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
}  // namespace tbrm
