// adamw_cuda.cu - CUDA twin of adamw_cpu.cpp. Contract: optimizer/adamw.hpp. Compiled without fused multiply-add (CMakeLists.txt), so that
// the update has the processor's bits; it is bound by memory either way.
#include <cmath>

#include "core/cuda.hpp"
#include "core/cuda_reduce.cuh"
#include "optimizer/adamw.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 4096;  // the rest is strided over: the sum's order depends on n alone

struct Scalars {
    float grad_scale, beta1, one_minus_beta1, beta2, one_minus_beta2, decay, step_size, inv_sqrt_correction2, eps;
};

__global__ void adamw_step_kernel(Scalars s, int64_t n, float* w, float* m, float* v, const float* grad) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride) {
        const float g = grad[i] * s.grad_scale;
        const float moment1 = s.beta1 * m[i] + s.one_minus_beta1 * g;
        const float moment2 = s.beta2 * v[i] + s.one_minus_beta2 * (g * g);
        const float denominator = sqrtf(moment2) * s.inv_sqrt_correction2 + s.eps;
        m[i] = moment1;
        v[i] = moment2;
        w[i] = w[i] * s.decay - s.step_size * (moment1 / denominator);
    }
}

__global__ void sum_of_squares_kernel(int64_t n, const float* x, double* out_sums) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    double sum = 0.0;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride) {
        const double value = x[i];
        sum += value * value;
    }
    sum = reduce_block<kThreads>(sum, Add());
    if (threadIdx.x == 0) out_sums[blockIdx.x] = sum;
}

__global__ void add_up_kernel(int64_t n, const double* sums, double* out_sum) {
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < n; i += kThreads)
        sum += sums[i];
    sum = reduce_block<kThreads>(sum, Add());
    if (threadIdx.x == 0) *out_sum = sum;
}

unsigned blocks_for(int64_t n) {
    const int64_t blocks = (n + kThreads - 1) / kThreads;
    return static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

}  // namespace

void adamw_step(
        const CudaQueue& queue, const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad) {
    if (n == 0) return;
    const double lr = step.learning_rate, beta1 = step.beta1, beta2 = step.beta2;
    const Scalars scalars{static_cast<float>(step.grad_scale), step.beta1, static_cast<float>(1.0 - beta1), step.beta2,
            static_cast<float>(1.0 - beta2), static_cast<float>(1.0 - lr * static_cast<double>(step.weight_decay)),
            static_cast<float>(lr / step.bias_correction1), static_cast<float>(1.0 / std::sqrt(step.bias_correction2)),
            step.eps};
    adamw_step_kernel<<<blocks_for(n), kThreads, 0, queue.stream>>>(scalars, n, w, m, v, grad);
    TBRM_LAUNCH_CHECK();
}

double sum_of_squares(const CudaQueue& queue, int64_t n, const float* x) {
    if (n == 0) return 0.0;
    const unsigned blocks = blocks_for(n);
    const CudaArray<double> sums(queue, blocks), total(queue, 1);
    sum_of_squares_kernel<<<blocks, kThreads, 0, queue.stream>>>(n, x, sums.data());
    TBRM_LAUNCH_CHECK();
    add_up_kernel<<<1, kThreads, 0, queue.stream>>>(blocks, sums.data(), total.data());
    TBRM_LAUNCH_CHECK();
    double result = 0.0;
    TBRM_CUDA_CHECK(cudaMemcpyAsync(&result, total.data(), sizeof result, cudaMemcpyDeviceToHost, queue.stream));
    TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
    return result;
}

}  // namespace cuda
}  // namespace tbrm
