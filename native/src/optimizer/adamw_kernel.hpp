#pragma once
// adamw_kernel.hpp - the loops of adamw_cpu.cpp, compiled once per instruction set. No fused multiply-add and a fixed order of additions:
// every instruction set and every thread count gives the same bits. Internal linkage, or the linker would keep one of the copies.
#include <cmath>
#include <cstdint>

#include "optimizer/adamw.hpp"

namespace tbrm {
namespace cpu {

// AdamWStep, folded into what one element needs; rounded to fp32 once.
struct AdamWScalars {
    float grad_scale, beta1, one_minus_beta1, beta2, one_minus_beta2;
    float decay;                 // 1 - lr * weight_decay
    float step_size;             // lr / bias_correction1
    float inv_sqrt_correction2;  // 1 / sqrt(bias_correction2)
    float eps;
};

struct AdamWKernels {
    void (*update)(const AdamWScalars& s, int64_t n, float* w, float* m, float* v, const float* grad);
    double (*sum_of_squares)(int64_t n, const float* x);
};

extern const AdamWKernels kAdamWScalar, kAdamWAvx2, kAdamWAvx512;

namespace {

inline void adamw_update(const AdamWScalars& s, int64_t n, float* __restrict w, float* __restrict m,
        float* __restrict v, const float* __restrict grad) {
    for (int64_t i = 0; i < n; ++i) {
        const float g = grad[i] * s.grad_scale;
        const float moment1 = s.beta1 * m[i] + s.one_minus_beta1 * g;
        const float moment2 = s.beta2 * v[i] + s.one_minus_beta2 * (g * g);
        const float denominator = std::sqrt(moment2) * s.inv_sqrt_correction2 + s.eps;
        m[i] = moment1;
        v[i] = moment2;
        w[i] = w[i] * s.decay - s.step_size * (moment1 / denominator);
    }
}

inline double block_sum_of_squares(int64_t n, const float* x) {
    constexpr int64_t kLanes = 16;
    double lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
            const double value = x[i + lane];
            lanes[lane] += value * value;
        }
    }
    for (int64_t lane = 0; i < n; ++i, ++lane) {
        const double value = x[i];
        lanes[lane] += value * value;
    }
    double sum = 0.0;
    for (const double lane : lanes)
        sum += lane;
    return sum;
}

}  // namespace
}  // namespace cpu
}  // namespace tbrm
