#include "ops/add.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kElementsPerTask = 4096;

template <class T>
void add_elements(int64_t n, const T* x, T* y) {
    parallel_for(ceil_div(n, kElementsPerTask), n, [&](int64_t task) {
        const int64_t end = std::min(n, (task + 1) * kElementsPerTask);
        for (int64_t i = task * kElementsPerTask; i < end; ++i)
            y[i] = from_float<T>(to_float(y[i]) + to_float(x[i]));
    });
}

}  // namespace

void add(Dtype dtype, int64_t n, const void* x, void* y) {
    if (dtype == Dtype::F32) {
        add_elements(n, static_cast<const float*>(x), static_cast<float*>(y));
    } else {
        add_elements(n, static_cast<const bf16*>(x), static_cast<bf16*>(y));
    }
}

}  // namespace cpu
}  // namespace tbrm
