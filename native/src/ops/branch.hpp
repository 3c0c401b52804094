#pragma once
// branch.hpp - the end of a block of a decoder layer, at once: what attention or the MLP gives is added to the residual stream, and the norm that
// reads the stream next is taken.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

struct BranchRows {
    Dtype dtype;
    int64_t n, d;
    // A branch on its own: [n, d], what the product gives, its norm [d] and 1 / rms [n] (null: none), its factor. Null: the product adds to x itself,
    // the sum rounded once.
    void* branch;
    const float* branch_norm;
    float* branch_inv_rms;
    float multiplier;
    void* x;  // [n, d], the residual stream
    // The norm of x: weight [d], out [n, d], which may be where branch is, and 1 / rms [n] or null.
    const float* norm;
    void* normed;
    float* inv_rms;
    float eps;
};

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

struct OpenSums;  // gemm/product_cuda.hpp

// Where sums has parts, their sum is the product, which nobody has written yet. The bits of the kernels that do each step alone.
void add_branch_norm(const CudaQueue& queue, const BranchRows& rows, const OpenSums& sums);

}  // namespace cuda
}  // namespace tbrm
