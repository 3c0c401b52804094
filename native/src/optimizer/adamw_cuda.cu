// adamw_cuda.cu - CUDA twin of adamw_cpu.cpp. Contract: optimizer/adamw.hpp. Compiled without fused multiply-add (CMakeLists.txt), so that
// the update has the processor's bits; it is bound by memory either way.
#include <cmath>

#include "core/cuda.hpp"
#include "core/cuda_reduce.cuh"
#include "core/cuda_staging.hpp"
#include "core/cuda_vector.cuh"
#include "optimizer/adamw.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 4096;  // the rest is strided over: the sum's order depends on n alone

struct Scalars {
    float grad_scale, beta1, one_minus_beta1, beta2, one_minus_beta2, decay, step_size, inv_sqrt_correction2, eps;
};

__global__ void adamw_step_kernel(
        Scalars s, int64_t n, float* w, float* m, float* v, const float* grad, bf16* narrowed) {
    const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride) {
        const float g = grad[i] * s.grad_scale;
        const float moment1 = s.beta1 * m[i] + s.one_minus_beta1 * g;
        const float moment2 = s.beta2 * v[i] + s.one_minus_beta2 * (g * g);
        const float denominator = sqrtf(moment2) * s.inv_sqrt_correction2 + s.eps;
        m[i] = moment1;
        v[i] = moment2;
        const float updated = w[i] * s.decay - s.step_size * (moment1 / denominator);
        w[i] = updated;
        if (narrowed != nullptr) narrow(updated, narrowed + i);
    }
}

// An array and its blocks [first_block, first_block + blocks) of the launch.
struct SummedArray {
    const float* data;
    int64_t n, first_block, blocks;
};

// One block's share of the array that it belongs to.
__global__ void sum_of_squares_kernel(int64_t n_arrays, const SummedArray* arrays, double* out_sums) {
    int64_t low = 0, high = n_arrays - 1;
    while (low < high) {
        const int64_t middle = (low + high + 1) / 2;
        if (arrays[middle].first_block <= blockIdx.x)
            low = middle;
        else
            high = middle - 1;
    }
    const SummedArray array = arrays[low];
    const int64_t block = blockIdx.x - array.first_block, stride = array.blocks * kThreads;
    double sum = 0.0;
    for (int64_t i = block * kThreads + threadIdx.x; i < array.n; i += stride) {
        const double value = array.data[i];
        sum += value * value;
    }
    sum = reduce_block<kThreads>(sum, Add());
    if (threadIdx.x == 0) out_sums[blockIdx.x] = sum;
}

// One block per array adds up its blocks.
__global__ void add_up_kernel(const SummedArray* arrays, const double* sums, double* out_sums) {
    const SummedArray array = arrays[blockIdx.x];
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < array.blocks; i += kThreads)
        sum += sums[array.first_block + i];
    sum = reduce_block<kThreads>(sum, Add());
    if (threadIdx.x == 0) out_sums[blockIdx.x] = sum;
}

unsigned blocks_for(int64_t n) {
    const int64_t blocks = (n + kThreads - 1) / kThreads;
    return static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

}  // namespace

void adamw_step(const CudaQueue& queue, const AdamWStep& step, int64_t n, float* w, float* m, float* v,
        const float* grad, bf16* narrowed) {
    if (n == 0) return;
    const double lr = step.learning_rate, beta1 = step.beta1, beta2 = step.beta2;
    const Scalars scalars{static_cast<float>(step.grad_scale), step.beta1, static_cast<float>(1.0 - beta1), step.beta2,
            static_cast<float>(1.0 - beta2), static_cast<float>(1.0 - lr * static_cast<double>(step.weight_decay)),
            static_cast<float>(lr / step.bias_correction1), static_cast<float>(1.0 / std::sqrt(step.bias_correction2)),
            step.eps};
    adamw_step_kernel<<<blocks_for(n), kThreads, 0, queue.stream>>>(scalars, n, w, m, v, grad, narrowed);
    TBRM_LAUNCH_CHECK();
}

std::vector<double> sums_of_squares(const CudaQueue& queue, const std::vector<FloatSpan>& arrays) {
    std::vector<SummedArray> table;
    std::vector<size_t> place;
    std::vector<double> out(arrays.size());
    int64_t blocks = 0;
    for (size_t i = 0; i < arrays.size(); ++i) {
        if (arrays[i].n <= 0) continue;
        place.push_back(i);
        table.push_back({arrays[i].data, arrays[i].n, blocks, static_cast<int64_t>(blocks_for(arrays[i].n))});
        blocks += table.back().blocks;
    }
    if (table.empty()) return out;
    TBRM_ASSERT(blocks < (int64_t{1} << 31), "%lld blocks are too many for one launch", static_cast<long long>(blocks));
    const int64_t n = static_cast<int64_t>(table.size());
    const CudaArray<SummedArray> device_table = to_device(queue, table);
    const CudaArray<double> sums(queue, blocks), totals(queue, n);
    sum_of_squares_kernel<<<static_cast<unsigned>(blocks), kThreads, 0, queue.stream>>>(
            n, device_table.data(), sums.data());
    TBRM_LAUNCH_CHECK();
    add_up_kernel<<<static_cast<unsigned>(n), kThreads, 0, queue.stream>>>(
            device_table.data(), sums.data(), totals.data());
    TBRM_LAUNCH_CHECK();
    std::vector<double> host(static_cast<size_t>(n));
    TBRM_CUDA_CHECK(cudaMemcpyAsync(
            host.data(), totals.data(), static_cast<size_t>(totals.bytes()), cudaMemcpyDeviceToHost, queue.stream));
    TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
    for (size_t i = 0; i < host.size(); ++i)
        out[place[i]] = host[i];
    return out;
}

}  // namespace cuda
}  // namespace tbrm
