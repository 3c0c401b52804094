#pragma once
// glu_cuda.cuh - the gates of ops/glu.hpp in fp32, for every kernel that ends in one.
#include "core/cuda_vector.cuh"

namespace tbrm {
namespace cuda {

// 1 / (1 + exp(-x)) without overflow on either side.
__device__ inline float sigmoid(float x) {
    const float e = expf(x < 0.0f ? x : -x);
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// Both activations are x sigmoid(t(x)); slope: d (x s) / dx = s (1 + x t' (1 - s)).
struct Silu {
    static __device__ inline float gate(float x) { return sigmoid(x); }
    static __device__ inline float slope(float x, float s) { return s * fmaf(x, 1.0f - s, 1.0f); }
};

struct GeluTanh {
    static constexpr float kLinear = 1.5957691216057308f, kCubic = kLinear * 0.044715f;
    static __device__ inline float gate(float x) { return sigmoid(x * fmaf(x * x, kCubic, kLinear)); }
    static __device__ inline float slope(float x, float s) {
        return s * fmaf(x * fmaf(x * x, 3 * kCubic, kLinear), 1.0f - s, 1.0f);
    }
};

}  // namespace cuda
}  // namespace tbrm
