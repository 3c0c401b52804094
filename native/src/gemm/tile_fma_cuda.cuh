#pragma once
// tile_fma_cuda.cuh - the fp32 product: 64 x 64 tiles, 4 x 4 elements per thread, one chain of fused multiply-adds per element with depth
// ascending: the bits of a plain loop of fmaf, whatever the sizes.
#include "gemm/product_cuda.hpp"
#include "gemm/product_store_cuda.cuh"

namespace tbrm {
namespace cuda {

constexpr int kFmaTile = 64;
constexpr int kFmaDepth = 16;
constexpr int kFmaThreads = 256;
constexpr int kFmaStride = kFmaTile + 4;  // of a line in shared memory: a multiple of 16 bytes that spreads the banks

// line[k][e] = element (first + e, k0 + k) of the operand, zero beyond either end.
template <bool kDepthMajor>
__device__ inline void load_fma_tile(const float* src, int64_t ld, int64_t first, int64_t extent, int64_t k0,
        int64_t depth, float (*line)[kFmaStride]) {
#pragma unroll
    for (int i = threadIdx.x; i < kFmaTile * kFmaDepth; i += kFmaThreads) {
        const int k = kDepthMajor ? i / kFmaTile : i % kFmaDepth, e = kDepthMajor ? i % kFmaTile : i / kFmaDepth;
        const int64_t outer = first + e, at = k0 + k;
        const bool inside = outer < extent && at < depth;
        line[k][e] = inside ? src[kDepthMajor ? at * ld + outer : outer * ld + at] : 0.0f;
    }
}

template <bool kADepthMajor, bool kBDepthMajor>
__global__ void __launch_bounds__(kFmaThreads) product_fma_kernel(Product p) {
    __shared__ __align__(16) float a_lines[kFmaDepth][kFmaStride];
    __shared__ __align__(16) float b_lines[kFmaDepth][kFmaStride];
    const int64_t row_tiles = (p.rows + kFmaTile - 1) / kFmaTile;
    const int64_t row0 = blockIdx.x % row_tiles * kFmaTile, col0 = blockIdx.x / row_tiles * kFmaTile;
    const int row = threadIdx.x / 16 * 4, col = threadIdx.x % 16 * 4;
    float acc[4][4] = {};
    for (int64_t k0 = 0; k0 < p.depth; k0 += kFmaDepth) {
        load_fma_tile<kADepthMajor>(static_cast<const float*>(p.a), p.lda, row0, p.rows, k0, p.depth, a_lines);
        load_fma_tile<kBDepthMajor>(static_cast<const float*>(p.b), p.ldb, col0, p.cols, k0, p.depth, b_lines);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < kFmaDepth; ++k) {
            const float4 a4 = *reinterpret_cast<const float4*>(&a_lines[k][row]);
            const float4 b4 = *reinterpret_cast<const float4*>(&b_lines[k][col]);
            const float a[4] = {a4.x, a4.y, a4.z, a4.w}, b[4] = {b4.x, b4.y, b4.z, b4.w};
#pragma unroll
            for (int i = 0; i < 4; ++i) {
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    acc[i][j] = fmaf(a[i], b[j], acc[i][j]);
            }
        }
        __syncthreads();
    }
    const ProductStore<float> store(p);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        store.pair(row0 + row + i, col0 + col, acc[i][0], acc[i][1]);
        store.pair(row0 + row + i, col0 + col + 2, acc[i][2], acc[i][3]);
    }
}

}  // namespace cuda
}  // namespace tbrm
