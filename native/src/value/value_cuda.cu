// value_cuda.cu - CUDA twin of value_cpu.cpp. Contract: value.hpp. One warp per row: lane l owns chunks l, l + 32, ... of 8 elements, sums
// them in order, and a butterfly joins the lanes, so the bits of a row depend on d and the row alone.
#include "core/cuda_columns.cuh"
#include "core/cuda_vector.cuh"
#include "value/value.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kRowsPerBlock = 4;  // one warp each
constexpr int kThreads = 32 * kRowsPerBlock;
constexpr int64_t kLaneStride = 32 * kChunk;

unsigned row_blocks(int64_t rows) {
    return static_cast<unsigned>((rows + kRowsPerBlock - 1) / kRowsPerBlock);
}

template <class T>
__global__ void value_forward_kernel(
        int64_t rows, int64_t d, const T* x, const float* w, const float* bias, bool aligned, float* out) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    float values[kChunk], weights[kChunk], sum = 0.0f;
    for (int64_t at = lane * kChunk; at < d; at += kLaneStride) {
        load_chunk(x + row * d + at, d - at, aligned, values);
        load_chunk(w + at, d - at, aligned, weights);
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            sum = fmaf(values[i], weights[i], sum);
    }
    for (int hop = 16; hop > 0; hop /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, hop);
    if (lane == 0) out[row] = sum + (bias != nullptr ? *bias : 0.0f);
}

template <class T>
__global__ void value_input_slope_kernel(
        int64_t rows, int64_t d, const float* w, const float* dv, bool aligned, T* dx) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    const float factor = dv[row];
    float values[kChunk];
    for (int64_t at = lane * kChunk; at < d; at += kLaneStride) {
        load_chunk(w + at, d - at, aligned, values);
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            values[i] *= factor;
        store_chunk(dx + row * d + at, d - at, aligned, values);
    }
}

// What a row adds to dw, and to dbias.
template <class T>
struct WeightSlope {
    const T* x;
    int64_t d;
    const float* dv;
    __device__ float operator()(int64_t row, int64_t col) const { return dv[row] * widen(x[row * d + col]); }
};
struct BiasSlope {
    const float* dv;
    __device__ float operator()(int64_t row, int64_t) const { return dv[row]; }
};

}  // namespace

void value_forward(const CudaQueue& queue, Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w,
        const float* bias, float* out) {
    if (rows <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const T* from = static_cast<const T*>(x);
        value_forward_kernel<T><<<row_blocks(rows), kThreads, 0, queue.stream>>>(
                rows, d, from, w, bias, chunks_aligned(from, d) && chunks_aligned(w, 0), out);
    });
    TBRM_LAUNCH_CHECK();
}

void value_backward(const CudaQueue& queue, Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w,
        const float* dv, void* dx, float* dw, float* dbias) {
    if (rows <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        T* to = static_cast<T*>(dx);
        value_input_slope_kernel<T><<<row_blocks(rows), kThreads, 0, queue.stream>>>(
                rows, d, w, dv, chunks_aligned(to, d) && chunks_aligned(w, 0), to);
        TBRM_LAUNCH_CHECK();
        if (dw != nullptr) add_column_sums(queue, rows, d, WeightSlope<T>{static_cast<const T*>(x), d, dv}, dw);
    });
    if (dbias != nullptr) add_column_sums(queue, rows, 1, BiasSlope{dv}, dbias);
}

}  // namespace cuda
}  // namespace tbrm
