#pragma once
// kernels.cuh - small kernels with a defect, or with a template argument that takes it away.
#include <cuda_runtime.h>

#include <cstdint>

namespace selftest {

__device__ inline uint32_t shared_address(const void* p) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// ---- a block reverses 256 numbers through shared memory

template <bool kBarrier>
__global__ void reverse_kernel(float* x) {
    __shared__ float line[256];
    line[threadIdx.x] = x[threadIdx.x];
    if (kBarrier) __syncthreads();
    const float mine = line[255 - threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = mine;
}

// ---- a write after others may still read

__global__ void write_after_read_kernel(float* x) {
    __shared__ float one;
    for (int i = 0; i < 3; ++i) {
        if (threadIdx.x == 0) one = x[i];
        __syncthreads();
        x[64 + i * 64 + threadIdx.x] = one;  // no barrier before the next round writes
    }
}

template <bool kBarrier>
__global__ void warp_exchange_kernel(int* x) {
    __shared__ int lane[32];
    lane[threadIdx.x] = x[threadIdx.x];
    if (kBarrier) __syncwarp();
    x[threadIdx.x] = lane[threadIdx.x ^ 1];
}

__global__ void uninitialised_shared_kernel(float* x) {
    __shared__ float line[64];
    if (threadIdx.x < 32) line[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = line[threadIdx.x];
}

__global__ void shared_beyond_kernel(float* x) {
    __shared__ float line[64];
    line[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = line[threadIdx.x + 1];
}

__global__ void dynamic_shared_kernel(float* x, int beyond) {
    extern __shared__ float line[];
    line[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = line[threadIdx.x + beyond];
}

__global__ void copy_kernel(int n, const float* from, float* to) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) to[i] = from[i];
}

__global__ void same_place_kernel(float* x) {
    if (threadIdx.x == 0) x[0] = static_cast<float>(blockIdx.x);
}

__global__ void count_kernel(unsigned* x) {
    atomicAdd(x, 1u);
}

__global__ void divergent_kernel(float* x) {
    if (threadIdx.x < 32) {
        x[threadIdx.x] = 0;
        __syncthreads();
    } else {
        x[threadIdx.x] = 1;
        __syncthreads();
    }
}

__global__ void early_return_kernel(int n, float* x) {
    if (static_cast<int>(threadIdx.x) >= n) return;
    x[threadIdx.x] = 0;
    __syncthreads();
}

__global__ void partial_shuffle_kernel(int n, float* x) {
    if (static_cast<int>(threadIdx.x) >= n) return;
    x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
}

__global__ void misaligned_kernel(const float* from, float4* to, int shift) {
    to[threadIdx.x] = *reinterpret_cast<const float4*>(from + 4 * threadIdx.x + shift);
}

__global__ void misaligned_members_kernel(const float* from, float* to, int shift) {
    const float4 v = *reinterpret_cast<const float4*>(from + 4 * threadIdx.x + shift);
    to[threadIdx.x] = v.x + v.w;
}

__global__ void reduce_kernel(float* x) {
    float sum = x[threadIdx.x];
    for (int hop = 16; hop > 0; hop /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, hop);
    const unsigned big = __ballot_sync(0xffffffffu, threadIdx.x >= 16);
    x[threadIdx.x] =
            sum + static_cast<float>(big >> 16 == 0xffffu) + static_cast<float>(__syncthreads_count(threadIdx.x < 5));
}

template <bool kWait, bool kBarrier>
__global__ void async_kernel(const uint4* from, uint4* to) {
    __shared__ uint4 stage[64];
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(&stage[threadIdx.x])),
                 "l"(from + threadIdx.x), "r"(16)
                 : "memory");
    asm volatile("cp.async.commit_group;" ::: "memory");
    if (kWait) asm volatile("cp.async.wait_group %0;" ::"n"(0) : "memory");
    if (kBarrier) __syncthreads();
    to[threadIdx.x] = stage[63 - threadIdx.x];
}

// c = a b for one m16n8k16 tile, operands through ldmatrix.
__global__ void mma_kernel(const uint16_t* a, const uint16_t* b, float* c) {
    __shared__ __align__(16) uint16_t a_tile[16][16];
    __shared__ __align__(16) uint16_t b_tile[16][16];
    for (int i = static_cast<int>(threadIdx.x); i < 256; i += 32) {
        a_tile[i / 16][i % 16] = a[i];
        b_tile[i / 16][i % 16] = b[i];
    }
    __syncwarp();
    const int lane = static_cast<int>(threadIdx.x);
    uint32_t x[4], y[4];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(shared_address(&a_tile[lane % 16][lane / 16 * 8])));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(y[0]), "=r"(y[1]), "=r"(y[2]), "=r"(y[3])
                 : "r"(shared_address(&b_tile[lane % 16][lane / 16 * 8])));
    for (int half = 0; half < 2; ++half) {
        float d[4] = {};
        asm volatile(
                "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                "{%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[half * 2]), "r"(y[half * 2 + 1]));
        const int row = lane / 4, col = half * 8 + lane % 4 * 2;
        c[row * 16 + col] = d[0];
        c[row * 16 + col + 1] = d[1];
        c[(row + 8) * 16 + col] = d[2];
        c[(row + 8) * 16 + col + 1] = d[3];
    }
}

// Reads a number and writes one more: a step of a graph.
__global__ void increment_kernel(float* x) {
    x[threadIdx.x] += 1.0f;
}

}  // namespace selftest
