// rows_cuda.cu - rows moved and numbers rounded. Contract: rows.hpp.
#include "core/cuda.hpp"
#include "core/cuda_vector.cuh"
#include "ops/rows.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 20;  // the rest is strided over

unsigned blocks_for(int64_t n) {
    const int64_t blocks = (n + kThreads - 1) / kThreads;
    return static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

// Unit i of `per_row` units of each row: kGather reads row index[r] and writes row r, else the other way round.
template <bool kGather, class Unit, class Index>
__global__ void move_rows_kernel(int64_t n, int64_t per_row, const Index* index, const Unit* src, Unit* dst) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads, end = n * per_row;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < end; i += stride) {
        const int64_t row = i / per_row, unit = i % per_row;
        const int64_t there = static_cast<int64_t>(index[row]) * per_row + unit;
        if (kGather)
            dst[i] = src[there];
        else
            dst[there] = src[i];
    }
}

template <bool kGather, class Unit, class Index>
void launch_move(const CudaQueue& queue, int64_t n, int64_t bytes, const Index* index, const void* src, void* dst) {
    const int64_t per_row = bytes / static_cast<int64_t>(sizeof(Unit));
    move_rows_kernel<kGather><<<blocks_for(n * per_row), kThreads, 0, queue.stream>>>(
            n, per_row, index, static_cast<const Unit*>(src), static_cast<Unit*>(dst));
    TBRM_LAUNCH_CHECK();
}

// `bytes` of a row, in the widest units that the addresses allow.
template <bool kGather, class Index>
void move_rows(const CudaQueue& queue, int64_t n, int64_t bytes, const Index* index, const void* src, void* dst) {
    if (n <= 0 || bytes <= 0) return;
    const uintptr_t all =
            reinterpret_cast<uintptr_t>(src) | reinterpret_cast<uintptr_t>(dst) | static_cast<uintptr_t>(bytes);
    if (all % 16 == 0)
        launch_move<kGather, uint4>(queue, n, bytes, index, src, dst);
    else if (all % 4 == 0)
        launch_move<kGather, uint32_t>(queue, n, bytes, index, src, dst);
    else
        launch_move<kGather, uint16_t>(queue, n, bytes, index, src, dst);
}

__global__ void narrow_kernel(int64_t n, const float* src, bf16* dst) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride)
        narrow(src[i], dst + i);
}

__global__ void shift_kernel(int64_t n, float shift, const float* src, float* dst) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (i < n) dst[i] = __fadd_rn(shift, src[i]);
}

__global__ void round_kernel(int64_t n, const float* src, float* dst) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride) {
        bf16 rounded;
        narrow(src[i], &rounded);
        dst[i] = widen(rounded);
    }
}

}  // namespace

void gather_rows(
        const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const int32_t* rows, const void* src, void* dst) {
    move_rows<true>(queue, n, d * dtype_bytes(dtype), rows, src, dst);
}

void gather_rows(
        const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, void* dst) {
    move_rows<true>(queue, n, d * dtype_bytes(dtype), rows, src, dst);
}

void scatter_rows(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src,
        int64_t n_dst, void* dst) {
    const int64_t bytes = d * dtype_bytes(dtype);
    if (n_dst <= 0 || bytes <= 0) return;
    TBRM_CUDA_CHECK(cudaMemsetAsync(dst, 0, static_cast<size_t>(n_dst * bytes), queue.stream));
    move_rows<false>(queue, n, bytes, rows, src, dst);
}

void copy_2d(const CudaQueue& queue, void* dst, int64_t dst_stride, const void* src, int64_t src_stride, int64_t width,
        int64_t rows) {
    if (width <= 0 || rows <= 0) return;
    TBRM_CUDA_CHECK(cudaMemcpy2DAsync(dst, static_cast<size_t>(dst_stride), src, static_cast<size_t>(src_stride),
            static_cast<size_t>(width), static_cast<size_t>(rows), cudaMemcpyDeviceToDevice, queue.stream));
}

void narrow(const CudaQueue& queue, int64_t n, const float* src, bf16* dst) {
    if (n <= 0) return;
    narrow_kernel<<<blocks_for(n), kThreads, 0, queue.stream>>>(n, src, dst);
    TBRM_LAUNCH_CHECK();
}

void round_vector(const CudaQueue& queue, Dtype dtype, int64_t n, const float* src, float* dst) {
    if (n <= 0) return;
    if (dtype == Dtype::F32) {
        if (src == dst) return;
        TBRM_CUDA_CHECK(cudaMemcpyAsync(
                dst, src, static_cast<size_t>(n) * sizeof(float), cudaMemcpyDeviceToDevice, queue.stream));
        return;
    }
    round_kernel<<<blocks_for(n), kThreads, 0, queue.stream>>>(n, src, dst);
    TBRM_LAUNCH_CHECK();
}

void shift_vector(const CudaQueue& queue, int64_t n, float shift, const float* src, float* dst) {
    if (n <= 0) return;
    shift_kernel<<<blocks_for(n), kThreads, 0, queue.stream>>>(n, shift, src, dst);
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
