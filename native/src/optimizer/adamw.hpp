#pragma once
// adamw.hpp - decoupled weight decay Adam on one parameter, elementwise, so it does not see the layout.
#include <cstdint>
#include <vector>

#include "core/dtype.hpp"

namespace tbrm {

// n fp32 numbers of a device.
struct FloatSpan {
    const float* data;
    int64_t n;
};

struct AdamWStep {
    float learning_rate;
    float beta1;
    float beta2;
    float eps;
    float weight_decay;       // 0 for norms and biases
    double grad_scale;        // 1, or max_grad_norm / norm when clipped
    double bias_correction1;  // 1 - beta1^t
    double bias_correction2;  // 1 - beta2^t
};

namespace cpu {

// w, m, v, grad [n] fp32.
void adamw_step(const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad);

// Sum of squares of each array in fp64, in fixed blocks merged in order.
std::vector<double> sums_of_squares(const std::vector<FloatSpan>& arrays);
inline double sum_of_squares(int64_t n, const float* x) {
    return sums_of_squares({{x, n}})[0];
}

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// The bits of the CPU twin. narrowed [n] or null: the new w, rounded to bf16.
void adamw_step(const CudaQueue& queue, const AdamWStep& step, int64_t n, float* w, float* m, float* v,
        const float* grad, bf16* narrowed = nullptr);

// Fixed order; not the order of the CPU twin. Two launches and one wait, however many arrays.
std::vector<double> sums_of_squares(const CudaQueue& queue, const std::vector<FloatSpan>& arrays);

}  // namespace cuda
}  // namespace tbrm
