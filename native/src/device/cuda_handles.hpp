#pragma once
// cuda_handles.hpp - a GPU of this process: stream, memory pool and library handles, in the order in which they must come and go.
#include <memory>

#include "core/cuda.hpp"
#include "core/cuda_staging.hpp"
#include "gemm/cublas_lt.hpp"

namespace tbrm {

class CudaHandles {
public:
    explicit CudaHandles(int32_t ordinal);
    ~CudaHandles();
    CudaHandles(const CudaHandles&) = delete;
    CudaHandles& operator=(const CudaHandles&) = delete;

    CudaQueue& queue() noexcept { return queue_; }
    const CudaQueue& queue() const noexcept { return queue_; }
    CudaStaging& staging() noexcept { return *staging_; }
    MemoryCounter& memory() noexcept { return memory_; }

private:
    void close() noexcept;

    int32_t ordinal_;
    MemoryCounter memory_;
    CudaQueue queue_{nullptr, nullptr, nullptr};
    std::unique_ptr<CudaStaging> staging_;
    CudaArray<char> blas_workspace_;
    std::unique_ptr<CublasLt> lt_;
};

}  // namespace tbrm
