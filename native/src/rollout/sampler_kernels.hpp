#pragma once
// sampler_kernels.hpp - the passes over a row of logits, one table per instruction set. The same bits from each of them.
#include <cstdint>

namespace tbrm::cpu {

// Which elements of a pass count; see SampleFilter.
struct Keep {
    float threshold;
    int32_t last_tie;
    float lowest;  // of z - z_max
};

struct SamplerKernels {
    // The largest of x[0, n); NaN when any is NaN; -inf for n = 0.
    float (*max)(const float* x, int64_t n);
    // z = x / temperature.
    void (*divide)(const float* x, int64_t n, float temperature, float* z);
    // scaled[i] = exp(z[i] - z_max) * 2^40.
    void (*scaled_exps)(const float* z, int64_t n, float z_max, float* scaled);
    // Sum of the masses of x[i] / temperature for i in [0, n), which are the ids from first_id on.
    uint64_t (*mass)(const float* x, int64_t n, int32_t first_id, float temperature, float z_max, const Keep& keep);
};

const SamplerKernels& sampler_kernels_scalar();
const SamplerKernels& sampler_kernels_avx2();
const SamplerKernels& sampler_kernels_avx512();

// The table for active_isa().
const SamplerKernels& sampler_kernels();

}  // namespace tbrm::cpu
