// scale_cuda.cu - CUDA twin of scale.cpp. Contract: scale.hpp.
#include "core/cuda.hpp"
#include "core/cuda_vector.cuh"
#include "ops/scale.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 20;  // the rest is strided over

template <class T>
__global__ void scale_kernel(int64_t n, float factor, T* x) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride)
        narrow(widen(x[i]) * factor, x + i);
}

}  // namespace

void scale(const CudaQueue& queue, Dtype dtype, int64_t n, float factor, void* x) {
    if (n <= 0) return;
    const int64_t blocks = (n + kThreads - 1) / kThreads;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        scale_kernel<T>
                <<<static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks), kThreads, 0, queue.stream>>>(
                        n, factor, static_cast<T*>(x));
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
