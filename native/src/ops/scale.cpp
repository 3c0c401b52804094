#include "ops/scale.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kElementsPerTask = 4096;

template <class T>
void scale_elements(int64_t n, float factor, T* x) {
    parallel_for(ceil_div(n, kElementsPerTask), n, [&](int64_t task) {
        const int64_t end = std::min(n, (task + 1) * kElementsPerTask);
        for (int64_t i = task * kElementsPerTask; i < end; ++i)
            x[i] = from_float<T>(to_float(x[i]) * factor);
    });
}

}  // namespace

void scale(Dtype dtype, int64_t n, float factor, void* x) {
    if (dtype == Dtype::F32) {
        scale_elements(n, factor, static_cast<float*>(x));
    } else {
        scale_elements(n, factor, static_cast<bf16*>(x));
    }
}

}  // namespace cpu
}  // namespace tbrm
