#pragma once
// glu.hpp - y = activation(gate) * up, with gate and up side by side in one row of width 2I (the fused gate_up projection): SwiGLU and GeGLU
// (arXiv 2002.05202).
#include <cstdint>

#include "core/dtype.hpp"
#include "gemm/linear.hpp"

namespace tbrm {

enum class Activation {
    Silu,  // x / (1 + exp(-x))
    GeluTanh,  // x (1 + tanh(u)) / 2 = x / (1 + exp(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3): torch's gelu(approximate="tanh")
};
constexpr int kActivations = 2;

namespace cpu {

// gate_up [n, 2I] (gate first) -> y [n, I], contiguous rows in dtype.
void glu_forward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y);

// dy [n, I] -> dgate_up [n, 2I]; recomputes from gate_up, which may be the same memory as dgate_up.
void glu_backward(
        Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy, void* dgate_up);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device.
void glu_forward(
        const CudaQueue& queue, Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y);

void glu_backward(const CudaQueue& queue, Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up,
        const void* dy, void* dgate_up);

// The projection of a rollout's MLP and its gate at once: call.outputs = 2I, y [n, I]. The bits of linear_forward and glu_forward one after the other,
// whichever tile is taken and whether the parts of the depth are spread over blocks. For what takes_gated_product takes: bf16 without bias in 16-byte
// pieces, and no product by the library.
constexpr int kGatedTiles = 4;
struct GatedPlan {
    int tile;  // 0 .. kGatedTiles - 1
    bool spread;
};
GatedPlan plan_gated_product(const CudaQueue& queue, int64_t n, int64_t depth, int64_t width);
bool takes_gated_product(const CudaQueue& queue, Dtype dtype, int64_t width, const LinearCall& call, const void* y);
void gated_product(const CudaQueue& queue, Activation activation, int64_t n, const LinearCall& call, void* y,
        const GatedPlan& plan);

}  // namespace cuda
}  // namespace tbrm
