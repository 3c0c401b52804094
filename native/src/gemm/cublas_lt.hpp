#pragma once
// cublas_lt.hpp - a cuBLASLt handle with its workspace and the kernel that its heuristics chose for each product, asked for once: the same
// product runs the same kernel for the life of the object.
#include <cublasLt.h>

#include <array>
#include <cstdint>
#include <map>

#include "core/cuda.hpp"
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
    // Everything that a choice depends on: sizes, strides, types, layouts, epilogue, alignments.
    using Key = std::array<int64_t, 10>;
    struct Choice {
        cublasLtMatmulAlgo_t algo;
        bool found;
    };

    Choice choose(const cuda::Product& p, cublasLtMatmulDesc_t what, const cublasLtMatrixLayout_t (&layouts)[3]);

    cublasLtHandle_t handle_ = nullptr;
    CudaArray<char> workspace_;
    std::map<Key, Choice> choices_;
};

}  // namespace tbrm
