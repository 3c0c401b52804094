#pragma once
// rms_norm_cuda.cuh - the norm of one row by one warp, for every kernel that norms rows: lane l owns chunks l, l + 32, ... of 8 elements, sums them
// in order, and a butterfly joins the lanes, so the bits of a row depend on d and the row alone.
#include "core/cuda_vector.cuh"

namespace tbrm {
namespace cuda {

constexpr int64_t kNormLaneStride = 32 * kChunk;

__device__ inline float warp_sum(float value) {
    for (int hop = 16; hop > 0; hop /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, hop);
    return value;
}

// 1 / sqrt(mean(x^2) + eps), for every lane.
template <class T>
__device__ inline float row_inv_rms(int64_t d, const T* x, float eps, bool aligned) {
    float values[kChunk], squares = 0.0f;
    for (int64_t at = threadIdx.x % 32 * kChunk; at < d; at += kNormLaneStride) {
        load_chunk(x + at, d - at, aligned, values);
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            squares = fmaf(values[i], values[i], squares);
    }
    return 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(d) + eps);
}

// y = x inv_rms weight; every lane gets inv_rms. Each lane reads and writes its own chunks alone.
template <class T>
__device__ inline float normalize_row(int64_t d, const T* x, const float* weight, float eps, bool aligned, T* y) {
    const float inv_rms = row_inv_rms(d, x, eps, aligned);
    float values[kChunk], weights[kChunk];
    for (int64_t at = threadIdx.x % 32 * kChunk; at < d; at += kNormLaneStride) {
        load_chunk(x + at, d - at, aligned, values);
        load_chunk(weight + at, d - at, aligned, weights);
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            values[i] = values[i] * inv_rms * weights[i];
        store_chunk(y + at, d - at, aligned, values);
    }
    return inv_rms;
}

}  // namespace cuda
}  // namespace tbrm
