#pragma once
// glu.hpp - y = activation(gate) * up, with gate and up side by side in one row of width 2I (the fused gate_up projection): SwiGLU and GeGLU
// (arXiv 2002.05202).
#include <cstdint>

#include "core/dtype.hpp"

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

}  // namespace cuda
}  // namespace tbrm
