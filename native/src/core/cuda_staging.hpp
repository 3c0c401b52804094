#pragma once
// cuda_staging.hpp - page-locked host memory that copies to and from a GPU pass through: the caller's own memory may be freed or changed as
// soon as the call returns, and the copy itself runs at the bus's speed.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/cuda.hpp"

namespace tbrm {

class CudaStaging {
public:
    CudaStaging();
    ~CudaStaging();
    CudaStaging(const CudaStaging&) = delete;
    CudaStaging& operator=(const CudaStaging&) = delete;

    // `bytes` to dst in queue order: fill(offset, n, host) writes bytes [offset, offset + n) of them; n is a multiple of `unit` bytes, which
    // divides `bytes`.
    template <class Fill>
    void upload(const CudaQueue& queue, void* dst, int64_t bytes, int64_t unit, Fill&& fill) {
        const int64_t most = kSegmentBytes / unit * unit;
        for (int64_t offset = 0; offset < bytes; offset += most) {
            const int64_t n = std::min(most, bytes - offset);
            void* host = reserve(queue, n);
            fill(offset, n, host);
            TBRM_CUDA_CHECK(cudaMemcpyAsync(static_cast<char*>(dst) + offset, host, static_cast<size_t>(n),
                    cudaMemcpyHostToDevice, queue.stream));
        }
    }

    // The inverse; waits. take(offset, n, host) reads.
    template <class Take>
    void download(const CudaQueue& queue, const void* src, int64_t bytes, int64_t unit, Take&& take) {
        const int64_t most = kSegmentBytes / unit * unit;
        for (int64_t offset = 0; offset < bytes; offset += most) {
            const int64_t n = std::min(most, bytes - offset);
            TBRM_CUDA_CHECK(cudaMemcpyAsync(landing_, static_cast<const char*>(src) + offset, static_cast<size_t>(n),
                    cudaMemcpyDeviceToHost, queue.stream));
            TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
            take(offset, n, static_cast<const void*>(landing_));
        }
    }

private:
    static constexpr int64_t kSegmentBytes = int64_t{4} << 20;
    static constexpr int kSegments = 4;

    // Uploads of a step are small and many: they share a segment, and only going around the ring waits for the device.
    void* reserve(const CudaQueue& queue, int64_t bytes);
    void free_all() noexcept;

    char* segments_[kSegments] = {};
    cudaEvent_t copied_[kSegments] = {};  // everything that left segment i; recorded when the next one is taken
    bool pending_[kSegments] = {};
    char* landing_ = nullptr;
    int current_ = 0;
    int64_t used_ = 0;
};

// A copy of a host vector, which may change or go as soon as this returns.
template <class T>
CudaArray<T> to_device(const CudaQueue& queue, const std::vector<T>& host) {
    CudaArray<T> array(queue, static_cast<int64_t>(host.size()));
    queue.staging->upload(queue, array.data(), array.bytes(), 1, [&](int64_t offset, int64_t n, void* to) {
        std::memcpy(to, reinterpret_cast<const char*>(host.data()) + offset, static_cast<size_t>(n));
    });
    return array;
}

}  // namespace tbrm
