// adamw_cpu.cpp - AdamW and the gradient norm on the processor. Contract: optimizer/adamw.hpp.
#include <algorithm>
#include <vector>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "optimizer/adamw_kernel.hpp"

namespace tbrm {
namespace cpu {
namespace {

// Elements per unit of work: large enough to hide the loop, fixed so that sums do not depend on the thread count.
constexpr int64_t kBlock = 16384;

const AdamWKernels& kernels() {
#if defined(__x86_64__) || defined(_M_X64)
    if (active_isa() >= Isa::Avx512) return kAdamWAvx512;
    if (active_isa() >= Isa::Avx2) return kAdamWAvx2;
#endif
    return kAdamWScalar;
}

}  // namespace

void adamw_step(const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad) {
    const double lr = step.learning_rate, beta1 = step.beta1, beta2 = step.beta2;
    const AdamWScalars scalars{static_cast<float>(step.grad_scale), step.beta1, static_cast<float>(1.0 - beta1),
            step.beta2, static_cast<float>(1.0 - beta2),
            static_cast<float>(1.0 - lr * static_cast<double>(step.weight_decay)),
            static_cast<float>(lr / step.bias_correction1), static_cast<float>(1.0 / std::sqrt(step.bias_correction2)),
            step.eps};
    const AdamWKernels& kernel = kernels();
    parallel_for(ceil_div(n, kBlock), n, [&](int64_t block) {
        const int64_t at = block * kBlock, count = std::min(kBlock, n - at);
        kernel.update(scalars, count, w + at, m + at, v + at, grad + at);
    });
}

std::vector<double> sums_of_squares(const std::vector<FloatSpan>& arrays) {
    struct Block {
        const float* data;
        int64_t n;
        size_t array;
    };
    std::vector<Block> blocks;
    int64_t elements = 0;
    for (size_t a = 0; a < arrays.size(); ++a) {
        elements += arrays[a].n;
        for (int64_t at = 0; at < arrays[a].n; at += kBlock)
            blocks.push_back({arrays[a].data + at, std::min(kBlock, arrays[a].n - at), a});
    }
    std::vector<double> parts(blocks.size()), sums(arrays.size());
    const AdamWKernels& kernel = kernels();
    parallel_for(static_cast<int64_t>(parts.size()), elements, [&](int64_t i) {
        const Block& block = blocks[static_cast<size_t>(i)];
        parts[static_cast<size_t>(i)] = kernel.sum_of_squares(block.n, block.data);
    });
    for (size_t i = 0; i < blocks.size(); ++i)
        sums[blocks[i].array] += parts[i];
    return sums;
}

}  // namespace cpu
}  // namespace tbrm
