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
__global__ void scale_kernel(int64_t n, int64_t d, float factor, T* x, int64_t ldx) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n * d; i += stride) {
        T* const at = x + i / d * ldx + i % d;
        narrow(widen(*at) * factor, at);
    }
}

}  // namespace

void scale(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx) {
    if (n <= 0 || d <= 0) return;
    const int64_t blocks = (n * d + kThreads - 1) / kThreads;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        scale_kernel<T>
                <<<static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks), kThreads, 0, queue.stream>>>(
                        n, d, factor, static_cast<T*>(x), ldx);
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
