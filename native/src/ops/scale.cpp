#include "ops/scale.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kElementsPerTask = 4096;

template <class T>
void scale_elements(T* x, int64_t n, float factor) {
    for (int64_t i = 0; i < n; ++i)
        x[i] = from_float<T>(to_float(x[i]) * factor);
}

template <class T>
void scale_rows(int64_t n, int64_t d, float factor, T* x, int64_t ldx) {
    if (d == ldx) {
        const int64_t all = n * d;
        parallel_for(ceil_div(all, kElementsPerTask), all, [&](int64_t task) {
            const int64_t first = task * kElementsPerTask;
            scale_elements(x + first, std::min(kElementsPerTask, all - first), factor);
        });
        return;
    }
    parallel_for(n, n * d, [&](int64_t row) { scale_elements(x + row * ldx, d, factor); });
}

}  // namespace

void scale(Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx) {
    if (dtype == Dtype::F32) {
        scale_rows(n, d, factor, static_cast<float*>(x), ldx);
    } else {
        scale_rows(n, d, factor, static_cast<bf16*>(x), ldx);
    }
}

}  // namespace cpu
}  // namespace tbrm
