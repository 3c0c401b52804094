#pragma once
// cuda_shared.hpp - shared memory beyond the 48 KB that a kernel has unasked.
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "core/cuda.hpp"

namespace tbrm {
namespace cuda {

// Lets a kernel use `bytes` of shared memory, or says how much there is, after `what` and its size. The driver is asked once per kernel and device.
template <class Kernel>
void reserve_shared(const CudaQueue& queue, Kernel* kernel, int64_t bytes, int64_t size, const char* what) {
    static std::mutex guard;
    static std::map<std::pair<Kernel*, int32_t>, int64_t> granted;
    const std::lock_guard<std::mutex> lock(guard);
    int64_t& most_yet = granted[{kernel, queue.ordinal}];
    if (bytes <= most_yet) return;
    int most = 0;
    TBRM_CUDA_CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, queue.ordinal));
    if (bytes > most) {
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED, "%s %lld needs %lld bytes of shared memory per block, this GPU has %d", what,
                static_cast<long long>(size), static_cast<long long>(bytes), most);
    }
    TBRM_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
    most_yet = bytes;
}

}  // namespace cuda
}  // namespace tbrm
