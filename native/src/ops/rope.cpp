#include "ops/rope.hpp"

#include <cmath>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {

void rope_table(int64_t n_positions, int64_t half_dim, const float* inv_freq, float attention_factor, float* out_cos,
        float* out_sin) {
    parallel_for(n_positions, n_positions * half_dim * 32, [&](int64_t position) {
        for (int64_t i = 0; i < half_dim; ++i) {
            const double angle = static_cast<double>(position) * static_cast<double>(inv_freq[i]);
            out_cos[position * half_dim + i] = static_cast<float>(std::cos(angle) * attention_factor);
            out_sin[position * half_dim + i] = static_cast<float>(std::sin(angle) * attention_factor);
        }
    });
}

namespace cpu {

void rope_apply(Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions, const float* cos_table,
        const float* sin_table, bool inverse, void* x, int64_t ldx) {
    TBRM_REQUIRE(d % 2 == 0, "head_dim is %lld, rotary embedding needs an even one", static_cast<long long>(d));
    const RowKernels& kernels = row_kernels(dtype);
    const int64_t half = d / 2, size = dtype_bytes(dtype);
    parallel_for(n, n * n_heads * d, [&](int64_t row) {
        const int64_t at = static_cast<int64_t>(positions[row]) * half;
        for (int64_t head = 0; head < n_heads; ++head) {
            kernels.rope(half, cos_table + at, sin_table + at, inverse ? -1.0f : 1.0f,
                    static_cast<char*>(x) + (row * ldx + head * d) * size);
        }
    });
}

}  // namespace cpu
}  // namespace tbrm
