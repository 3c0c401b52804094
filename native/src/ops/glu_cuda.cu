// glu_cuda.cu - CUDA twin of glu.cpp. Contract: glu.hpp. One thread per chunk of 8 outputs; gate, up and their gradients are
// read before anything is written, so backward may work in place.
#include "core/cuda.hpp"
#include "core/cuda_vector.cuh"
#include "ops/glu.hpp"
#include "ops/glu_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;

template <class Body>
void with_activation(Activation activation, Body&& body) {
    if (activation == Activation::Silu) {
        body(Silu());
    } else {
        body(GeluTanh());
    }
}

// This thread's row and first column; rows are cut into ceil(i / 8) chunks.
struct ChunkPosition {
    int64_t row, col;
    __device__ ChunkPosition(int64_t i) {
        const int64_t per_row = (i + kChunk - 1) / kChunk;
        const int64_t id = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
        row = id / per_row;
        col = id % per_row * kChunk;
    }
};

unsigned chunk_blocks(int64_t n, int64_t i) {
    const int64_t chunks = n * ((i + kChunk - 1) / kChunk);
    return static_cast<unsigned>((chunks + kThreads - 1) / kThreads);
}

template <class T, class Gate>
__global__ void glu_forward_kernel(int64_t n, int64_t width, const T* gate_up, T* y, bool aligned) {
    const ChunkPosition at(width);
    if (at.row >= n) return;
    const T* gate = gate_up + at.row * 2 * width + at.col;
    const int64_t left = width - at.col;
    float g[kChunk], u[kChunk];
    load_chunk(gate, left, aligned, g);
    load_chunk(gate + width, left, aligned, u);
#pragma unroll
    for (int i = 0; i < kChunk; ++i)
        g[i] = g[i] * Gate::gate(g[i]) * u[i];
    store_chunk(y + at.row * width + at.col, left, aligned, g);
}

template <class T, class Gate>
__global__ void glu_backward_kernel(
        int64_t n, int64_t width, const T* gate_up, const T* dy, T* dgate_up, bool aligned) {
    const ChunkPosition at(width);
    if (at.row >= n) return;
    const int64_t left = width - at.col, offset = at.row * 2 * width + at.col;
    float g[kChunk], u[kChunk], grad[kChunk];
    load_chunk(gate_up + offset, left, aligned, g);
    load_chunk(gate_up + offset + width, left, aligned, u);
    load_chunk(dy + at.row * width + at.col, left, aligned, grad);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
        const float s = Gate::gate(g[i]), activated = g[i] * s;
        g[i] = grad[i] * (u[i] * Gate::slope(g[i], s));
        u[i] = grad[i] * activated;
    }
    store_chunk(dgate_up + offset, left, aligned, g);
    store_chunk(dgate_up + offset + width, left, aligned, u);
}

}  // namespace

void glu_forward(const CudaQueue& queue, Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up,
        void* y) {
    if (n <= 0 || i <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const T* from = static_cast<const T*>(gate_up);
        T* to = static_cast<T*>(y);
        const bool aligned = chunks_aligned(from, i) && chunks_aligned(to, i);
        with_activation(activation, [&](auto gate) {
            glu_forward_kernel<T, decltype(gate)>
                    <<<chunk_blocks(n, i), kThreads, 0, queue.stream>>>(n, i, from, to, aligned);
        });
    });
    TBRM_LAUNCH_CHECK();
}

void glu_backward(const CudaQueue& queue, Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up,
        const void* dy, void* dgate_up) {
    if (n <= 0 || i <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const T* from = static_cast<const T*>(gate_up);
        const T* grad = static_cast<const T*>(dy);
        T* to = static_cast<T*>(dgate_up);
        const bool aligned = chunks_aligned(from, i) && chunks_aligned(grad, i) && chunks_aligned(to, i);
        with_activation(activation, [&](auto gate) {
            glu_backward_kernel<T, decltype(gate)>
                    <<<chunk_blocks(n, i), kThreads, 0, queue.stream>>>(n, i, from, grad, to, aligned);
        });
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
