#pragma once
// cuda_reduce.cuh - reductions of one block in a fixed order: lanes of a warp by a butterfly, warps by index. Every thread gets the result.
#include <cstdint>

namespace tbrm {
namespace cuda {

struct Add {
    template <class T>
    __device__ T operator()(T a, T b) const {
        return a + b;
    }
};

struct Max {
    template <class T>
    __device__ T operator()(T a, T b) const {
        return a > b ? a : b;
    }
};

// kThreads: of the block, a multiple of 32. All of them call this.
template <int kThreads, class T, class Combine>
__device__ T reduce_block(T value, Combine combine) {
    constexpr int kWarps = kThreads / 32;
    __shared__ T warps[kWarps];
    for (int hop = 16; hop > 0; hop /= 2)
        value = combine(value, __shfl_xor_sync(0xffffffffu, value, hop));
    // The array is used again by the next reduction: nobody may still be reading it.
    __syncthreads();
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
    __syncthreads();
    value = warps[0];
    for (int w = 1; w < kWarps; ++w)
        value = combine(value, warps[w]);
    return value;
}

}  // namespace cuda
}  // namespace tbrm
