#include "ops/embedding.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "gemm/panels.hpp"

namespace tbrm {
namespace cpu {
namespace {

void require_ids(int64_t n, int64_t vocab, const int32_t* ids) {
    for (int64_t i = 0; i < n; ++i) {
        TBRM_REQUIRE(ids[i] >= 0 && ids[i] < vocab, "token %lld has id %d, expected 0 to %lld",
                static_cast<long long>(i), ids[i], static_cast<long long>(vocab - 1));
    }
}

template <Dtype kDtype, class T>
void gather(int64_t n, int64_t d, const int32_t* ids, const T* w, T* y) {
    parallel_for(n, n * d * 8, [&](int64_t i) {
        for (int64_t col = 0; col < d; ++col) {
            y[i * d + col] = w[panel_index(kDtype, ids[i], col, d)];
        }
    });
}

// Threads share the columns, so each row's sum runs over n in order.
template <class T>
void scatter_add(int64_t n, int64_t d, const int32_t* ids, const T* dy, float* dw) {
    constexpr int64_t kColumns = 32;
    parallel_for(ceil_div(d, kColumns), n * d * 8, [&](int64_t strip) {
        const int64_t begin = strip * kColumns, end = std::min(d, begin + kColumns);
        for (int64_t i = 0; i < n; ++i) {
            for (int64_t col = begin; col < end; ++col) {
                dw[panel_index(Dtype::F32, ids[i], col, d)] += to_float(dy[i * d + col]);
            }
        }
    });
}

}  // namespace

void embedding_forward(Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y) {
    require_ids(n, vocab, ids);
    if (dtype == Dtype::F32) {
        gather<Dtype::F32>(n, d, ids, static_cast<const float*>(w), static_cast<float*>(y));
    } else {
        gather<Dtype::Bf16>(n, d, ids, static_cast<const bf16*>(w), static_cast<bf16*>(y));
    }
}

void embedding_backward(
        Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw) {
    require_ids(n, vocab, ids);
    if (dtype == Dtype::F32) {
        scatter_add(n, d, ids, static_cast<const float*>(dy), dw);
    } else {
        scatter_add(n, d, ids, static_cast<const bf16*>(dy), dw);
    }
}

}  // namespace cpu
}  // namespace tbrm
