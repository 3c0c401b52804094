#pragma once
// cuda.hpp - errors, memory and the queue that CUDA twins run on. Included by .cu files; headers that name a queue declare it.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/guard.hpp"
#include "core/memory.hpp"

namespace tbrm {

class CublasLt;     // gemm/cublas_lt.hpp
class CudaStaging;  // core/cuda_staging.hpp

// A stream and what belongs to it. Work on one queue is ordered; nothing waits unless it says so.
struct CudaQueue {
    cudaStream_t stream;
    cublasHandle_t blas;    // on this stream, with a workspace of its own: the same call gives the same bits
    MemoryCounter* memory;  // of the device
    CublasLt* lt = nullptr;
    CudaStaging* staging = nullptr;
    // Memory that a kernel hands to the one right behind it: cuBLAS's own workspace, which is free whenever no call of cuBLAS runs.
    void* scratch = nullptr;
    int64_t scratch_bytes = 0;
    int32_t ordinal = 0;  // of the device
    // trainer.batch_invariant: forward products by the kernel whose row does not depend on the others; false: by cuBLASLt.
    bool batch_invariant = true;
};

inline void check_cuda(cudaError_t status, const char* call, const char* where) {
    if (status == cudaSuccess) return;
    cudaGetLastError();  // or the check after the next launch would report this error again
    const tbrm_status_t code = status == cudaErrorMemoryAllocation ? TBRM_STATUS_OUT_OF_MEMORY : TBRM_STATUS_CUDA;
    throw Failure(code, static_cast<int32_t>(status), where, format("%s: %s", call, cudaGetErrorString(status)));
}

inline void check_cublas(cublasStatus_t status, const char* call, const char* where) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw Failure(TBRM_STATUS_CUDA, static_cast<int32_t>(status), where,
            format("%s: cuBLAS status %d", call, static_cast<int>(status)));
}

// TBRM_SYNC_LAUNCHES=1: every launch is waited for, so that a fault is reported where it was made and not by whatever comes next.
inline bool waits_for_launches() {
    static const bool waits = [] {
        const char* asked = std::getenv("TBRM_SYNC_LAUNCHES");
        return asked != nullptr && std::strcmp(asked, "1") == 0;
    }();
    return waits;
}

inline void check_launch(const char* where) {
    check_cuda(cudaGetLastError(), "kernel launch", where);
    if (waits_for_launches()) check_cuda(cudaDeviceSynchronize(), "kernel", where);
}

// Device memory in stream order, counted, uninitialised.
template <class T>
class CudaArray {
public:
    CudaArray() = default;
    CudaArray(const CudaQueue& queue, int64_t n) { resize(queue, n); }
    CudaArray(CudaArray&& other) noexcept { swap(other); }
    CudaArray& operator=(CudaArray&& other) noexcept {
        CudaArray(static_cast<CudaArray&&>(other)).swap(*this);
        return *this;
    }
    CudaArray(const CudaArray&) = delete;
    CudaArray& operator=(const CudaArray&) = delete;
    ~CudaArray() { reset(); }

    void resize(const CudaQueue& queue, int64_t n);
    void reset() noexcept {
        if (data_ == nullptr) return;
        cudaFreeAsync(data_, queue_.stream);
        queue_.memory->remove(bytes(), tag_);
        data_ = nullptr;
        size_ = 0;
    }
    void swap(CudaArray& other) noexcept {
        std::swap(queue_, other.queue_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(tag_, other.tag_);
    }
    T* data() const noexcept { return data_; }
    int64_t size() const noexcept { return size_; }
    int64_t bytes() const noexcept { return size_ * static_cast<int64_t>(sizeof(T)); }

private:
    CudaQueue queue_{};
    T* data_ = nullptr;
    int64_t size_ = 0;
    MemoryTag tag_;
};

}  // namespace tbrm

#define TBRM_CUDA_CHECK(call) ::tbrm::check_cuda((call), #call, TBRM_WHERE)
#define TBRM_CUBLAS_CHECK(call) ::tbrm::check_cublas((call), #call, TBRM_WHERE)
// After every launch.
#define TBRM_LAUNCH_CHECK() ::tbrm::check_launch(TBRM_WHERE)

template <class T>
void tbrm::CudaArray<T>::resize(const CudaQueue& queue, int64_t n) {
    reset();
    if (n == 0) return;
    void* pointer = nullptr;
    TBRM_CUDA_CHECK(cudaMallocAsync(&pointer, static_cast<size_t>(n) * sizeof(T), queue.stream));
    queue_ = queue;
    data_ = static_cast<T*>(pointer);
    size_ = n;
    tag_ = MemoryTag::current();
    queue.memory->add(bytes(), tag_);
}
