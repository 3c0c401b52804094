#pragma once
// cublas_lt.hpp - a cuBLASLt handle with its workspace, and a plan for each product: descriptors and the kernel that the heuristics chose, asked
// for once. The same product runs the same kernel for the life of the object.
#include <cublasLt.h>

#include <array>
#include <cstdint>
#include <map>

#include "core/cuda.hpp"
#include "core/dtype.hpp"
#include "gemm/product_cuda.hpp"

namespace tbrm {

class CublasLt {
public:
    explicit CublasLt(const CudaQueue& queue);
    ~CublasLt();
    CublasLt(const CublasLt&) = delete;
    CublasLt& operator=(const CublasLt&) = delete;

    // False when the library has no kernel.
    bool multiply(const CudaQueue& queue, const cuda::Product& p);

private:
    struct Plan;
    // Everything that a plan depends on: sizes, strides, types, layouts, epilogue, alignments.
    using Key = std::array<int64_t, 10>;

    Plan& plan_of(const cuda::Product& p);
    Plan make_plan(const cuda::Product& p, uint32_t a_alignment, uint32_t b_alignment, uint32_t c_alignment);

    cublasLtHandle_t handle_ = nullptr;
    CudaArray<char> workspace_;
    CudaArray<bf16> narrow_bias_;  // of the product under way; the stream orders its uses
    std::map<Key, Plan> plans_;
};

}  // namespace tbrm
