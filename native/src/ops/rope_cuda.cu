// rope_cuda.cu - CUDA twin of rope.cpp, with its bits: the multiplications and additions are those of the CPU twin, one by one. Contract:
// rope.hpp. One thread per pair.
#include "core/cuda.hpp"
#include "core/cuda_vector.cuh"
#include "ops/rope.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void rope_kernel(int64_t n, int64_t n_heads, int64_t half, const int32_t* positions, const float* cos_table,
        const float* sin_table, float sign, T* x, int64_t ldx) {
    const int64_t per_row = n_heads * half, id = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (id >= n * per_row) return;
    const int64_t row = id / per_row, head = id % per_row / half, i = id % half;
    const int64_t at = static_cast<int64_t>(positions[row]) * half + i;
    const float c = cos_table[at], s = __fmul_rn(sign, sin_table[at]);
    T* low = x + row * ldx + head * 2 * half + i;
    T* high = low + half;
    const float a = widen(*low), b = widen(*high);
    narrow(__fsub_rn(__fmul_rn(a, c), __fmul_rn(b, s)), low);
    narrow(__fmaf_rn(b, c, __fmul_rn(a, s)), high);
}

}  // namespace

void rope_apply(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions,
        const float* cos_table, const float* sin_table, bool inverse, void* x, int64_t ldx) {
    TBRM_REQUIRE(d % 2 == 0, "head_dim is %lld, rotary embedding needs an even one", static_cast<long long>(d));
    const int64_t pairs = n * n_heads * (d / 2);
    if (pairs <= 0) return;
    const unsigned blocks = static_cast<unsigned>((pairs + kThreads - 1) / kThreads);
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        rope_kernel<T><<<blocks, kThreads, 0, queue.stream>>>(
                n, n_heads, d / 2, positions, cos_table, sin_table, inverse ? -1.0f : 1.0f, static_cast<T*>(x), ldx);
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
