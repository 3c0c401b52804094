#include "ops/rms_norm.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {
namespace cpu {
namespace {
constexpr int64_t kRowsPerTask = 64;  // also where the sums of dweight are cut
}

void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps,
        void* y, int64_t ldy, float* out_inv_rms) {
    const RowKernels& kernels = row_kernels(dtype);
    const int64_t size = dtype_bytes(dtype);
    parallel_for(ceil_div(n, kRowsPerTask), n * d, [&](int64_t task) {
        const int64_t row = task * kRowsPerTask;
        kernels.rms_norm(std::min(kRowsPerTask, n - row), d, static_cast<const char*>(x) + row * ldx * size, ldx,
                weight, eps, static_cast<char*>(y) + row * ldy * size, ldy,
                out_inv_rms != nullptr ? out_inv_rms + row : nullptr);
    });
}

int64_t rms_norm_partial_rows(int64_t n) {
    return ceil_div(n, kRowsPerTask);
}

void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
        const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx, float* dweight) {
    const RowKernels& kernels = row_kernels(dtype);
    const int64_t size = dtype_bytes(dtype), tasks = rms_norm_partial_rows(n);
    HostBuffer<float> partial(dweight != nullptr ? tasks * d : 0);  // one row of dweight per task, added in order below
    std::fill(partial.begin(), partial.end(), 0.0f);
    parallel_for(tasks, n * d, [&](int64_t task) {
        const int64_t row = task * kRowsPerTask;
        kernels.rms_norm_backward(std::min(kRowsPerTask, n - row), d, static_cast<const char*>(x) + row * ldx * size,
                ldx, weight, inv_rms + row, static_cast<const char*>(dy) + row * lddy * size, lddy, add_to_dx,
                static_cast<char*>(dx) + row * lddx * size, lddx,
                dweight != nullptr ? partial.data() + task * d : nullptr);
    });
    if (dweight == nullptr) return;
    for (int64_t task = 0; task < tasks; ++task) {
        for (int64_t i = 0; i < d; ++i) {
            dweight[i] += partial[task * d + i];
        }
    }
}

}  // namespace cpu
}  // namespace tbrm
