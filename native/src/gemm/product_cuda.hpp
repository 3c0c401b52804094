#pragma once
// product_cuda.hpp - one matrix product on a GPU, whichever code computes it: what the three products of a linear layer, and the head's
// logits, have in common.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// c[rows, cols] = sum over depth of a . b (+ bias[col]) (+ c), fp32 sums, one rounding to c_dtype.
struct Product {
    Dtype dtype;  // of a and b
    int64_t rows, cols, depth;
    const void* a;
    int64_t lda;
    bool a_depth_major;  // a[k * lda + row] instead of a[row * lda + k]
    const void* b;
    int64_t ldb;
    bool b_depth_major;  // b[k * ldb + col] instead of b[col * ldb + k]
    const float* bias;   // [cols] or null
    bool add_to;
    void* c;
    Dtype c_dtype;
    int64_t ldc;
};

// Every element is one chain of additions over depth = 0, 1, ... in steps that no size changes: its bits depend on its row of a and its
// column of b alone, not on rows, cols, or the tile it falls into.
void multiply_invariant(const CudaQueue& queue, const Product& p);

// By cuBLASLt, through the queue's plan cache. The order of additions depends on all sizes. A bias is rounded to c_dtype first.
// Returns false when the library has no kernel for the product; nothing was done then.
bool multiply_by_library(const CudaQueue& queue, const Product& p);

// A forward product: the one or the other, as the queue says.
void multiply(const CudaQueue& queue, const Product& p);

// A product of the backward pass, whose rows nobody compares with other calls': by the library where it has a kernel. The same call gives the same
// bits: its plan is pinned and its workspace its own.
void multiply_backward(const CudaQueue& queue, const Product& p);

}  // namespace cuda
}  // namespace tbrm
