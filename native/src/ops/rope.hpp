#pragma once
// rope.hpp - rotary embedding, half-rotation form (Hugging Face, NeoX): pairs (i, i + d/2).
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

// cos and sin of position * inv_freq[i], times the attention factor; fp32 [n_positions][d/2] each, computed in fp64.
void rope_table(int64_t n_positions, int64_t half_dim, const float* inv_freq, float attention_factor, float* out_cos,
        float* out_sin);

namespace cpu {

// Rotates n_heads heads of width d, side by side from x, in place; row n is rotated by positions[n]. inverse: by the negative angle,
// which is the gradient.
void rope_apply(Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions, const float* cos_table,
        const float* sin_table, bool inverse, void* x, int64_t ldx);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// The bits of the CPU twin; pointers are memory of the queue's device.
void rope_apply(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions,
        const float* cos_table, const float* sin_table, bool inverse, void* x, int64_t ldx);

}  // namespace cuda
}  // namespace tbrm
