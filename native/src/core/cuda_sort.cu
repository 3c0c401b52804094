#include <cub/device/device_radix_sort.cuh>

#include "core/cuda_sort.hpp"

namespace tbrm {
namespace {

constexpr int kThreads = 128;

__global__ void count_kernel(int64_t n, int32_t* out) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (i < n) out[i] = static_cast<int32_t>(i);
}

// Bits that keys below `bound` may have.
int bits_of(int64_t bound) {
    int bits = 1;
    while (bits < 31 && (int64_t{1} << bits) < bound)
        ++bits;
    return bits;
}

}  // namespace

SortedKeys sort_keys(const CudaQueue& queue, int64_t n, int64_t bound, const int32_t* keys) {
    TBRM_ASSERT(n < (int64_t{1} << 31), "%lld keys are too many for one sort", static_cast<long long>(n));
    SortedKeys result{CudaArray<int32_t>(queue, n), CudaArray<int32_t>(queue, n)};
    if (n == 0) return result;
    const CudaArray<int32_t> numbers(queue, n);
    count_kernel<<<static_cast<unsigned>((n + kThreads - 1) / kThreads), kThreads, 0, queue.stream>>>(
            n, numbers.data());
    TBRM_LAUNCH_CHECK();
    const int count = static_cast<int>(n), bits = bits_of(bound);
    size_t bytes = 0;
    TBRM_CUDA_CHECK(cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, result.sorted.data(), numbers.data(),
            result.order.data(), count, 0, bits, queue.stream));
    const CudaArray<char> scratch(queue, static_cast<int64_t>(bytes > 0 ? bytes : 1));
    TBRM_CUDA_CHECK(cub::DeviceRadixSort::SortPairs(scratch.data(), bytes, keys, result.sorted.data(), numbers.data(),
            result.order.data(), count, 0, bits, queue.stream));
    return result;
}

}  // namespace tbrm
