// add_cuda.cu - CUDA twin of add.cpp. Contract: add.hpp.
#include "core/cuda.hpp"
#include "core/cuda_vector.cuh"
#include "ops/add.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 20;  // the rest is strided over

template <class T>
__global__ void add_kernel(int64_t n, const T* x, T* y) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride)
        narrow(__fadd_rn(widen(y[i]), widen(x[i])), y + i);
}

}  // namespace

void add(const CudaQueue& queue, Dtype dtype, int64_t n, const void* x, void* y) {
    if (n <= 0) return;
    const int64_t blocks = (n + kThreads - 1) / kThreads;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        add_kernel<T><<<static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks), kThreads, 0, queue.stream>>>(
                n, static_cast<const T*>(x), static_cast<T*>(y));
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
