#pragma once
// swiglu.hpp - y = silu(gate) * up, with gate and up side by side in one row of width 2I (the fused gate_up projection).
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// gate_up [n, 2I] (gate first) -> y [n, I], contiguous rows in dtype.
void swiglu_forward(Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y);

// dy [n, I] -> dgate_up [n, 2I]; recomputes from gate_up, which may be the same memory as dgate_up.
void swiglu_backward(Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy, void* dgate_up);

}  // namespace cpu
}  // namespace tbrm
