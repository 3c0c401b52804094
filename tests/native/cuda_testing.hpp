#pragma once
// cuda_testing.hpp - what the tests of the CUDA twins share: a queue, and host arrays as memory of its device.
#include <vector>

#include "core/cuda.hpp"
#include "rounding.hpp"

namespace tbrm::testing {

// One per process; its cuBLASLt is there, and batch_invariant is on unless a test turns it off (FastProducts).
CudaQueue& queue();

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

// An Array's copy on the device; `shift` elements before it put it off any alignment.
class ArrayOnDevice {
public:
    explicit ArrayOnDevice(const Array& host, int64_t shift = 0)
        : dtype_(host.dtype()),
          n_(host.size()),
          offset_(shift * dtype_bytes(host.dtype())),
          bytes_(queue(), offset_ + n_ * dtype_bytes(host.dtype())) {
        if (n_ > 0)
            TBRM_CUDA_CHECK(cudaMemcpyAsync(get(), host.data(), static_cast<size_t>(n_ * dtype_bytes(dtype_)),
                    cudaMemcpyHostToDevice, queue().stream));
        TBRM_CUDA_CHECK(cudaStreamSynchronize(queue().stream));
    }
    void* get() const { return bytes_.data() + offset_; }
    Array download() const {
        Array host(dtype_, n_);
        if (n_ > 0)
            TBRM_CUDA_CHECK(cudaMemcpyAsync(host.data(), get(), static_cast<size_t>(n_ * dtype_bytes(dtype_)),
                    cudaMemcpyDeviceToHost, queue().stream));
        TBRM_CUDA_CHECK(cudaStreamSynchronize(queue().stream));
        return host;
    }

private:
    Dtype dtype_;
    int64_t n_, offset_;
    CudaArray<char> bytes_;
};

// cuBLASLt instead of the row-invariant products, for a scope.
struct FastProducts {
    FastProducts() { queue().batch_invariant = false; }
    ~FastProducts() { queue().batch_invariant = true; }
};

// No product by cuBLASLt, those of the backward pass included, for a scope.
struct OwnProducts {
    CublasLt* const lt = queue().lt;
    OwnProducts() { queue().lt = nullptr; }
    ~OwnProducts() { queue().lt = lt; }
};

}  // namespace tbrm::testing
