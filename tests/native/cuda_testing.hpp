#pragma once
// cuda_testing.hpp - a queue and device copies of host arrays, for the tests of CUDA twins.
#include <vector>

#include "core/cuda.hpp"
#include "testing.hpp"

namespace tbrm::testing {

inline CudaQueue& queue() {
    static CudaQueue q = [] {
        CudaQueue made{nullptr, nullptr, nullptr};
        static MemoryCounter memory;
        made.memory = &memory;
        TBRM_CUDA_CHECK(cudaStreamCreate(&made.stream));
        TBRM_CUBLAS_CHECK(cublasCreate(&made.blas));
        TBRM_CUBLAS_CHECK(cublasSetStream(made.blas, made.stream));
        return made;
    }();
    return q;
}

// A host vector's copy on the device.
template <class T>
struct OnDevice {
    CudaArray<T> array;
    explicit OnDevice(const std::vector<T>& host) : OnDevice(host.data(), static_cast<int64_t>(host.size())) {}
    OnDevice(const T* host, int64_t n) : array(queue(), n) {
        if (n > 0)
            TBRM_CUDA_CHECK(cudaMemcpyAsync(
                    array.data(), host, static_cast<size_t>(array.bytes()), cudaMemcpyHostToDevice, queue().stream));
        TBRM_CUDA_CHECK(cudaStreamSynchronize(queue().stream));
    }
    T* get() const { return array.data(); }
    std::vector<T> download() const {
        std::vector<T> host(static_cast<size_t>(array.size()));
        if (!host.empty())
            TBRM_CUDA_CHECK(cudaMemcpyAsync(host.data(), array.data(), static_cast<size_t>(array.bytes()),
                    cudaMemcpyDeviceToHost, queue().stream));
        TBRM_CUDA_CHECK(cudaStreamSynchronize(queue().stream));
        return host;
    }
};

}  // namespace tbrm::testing
