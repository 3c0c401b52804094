#include "ops/qkv_pages.hpp"

#include "core/parallel.hpp"
#include "ops/kv_page.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {
namespace cpu {
namespace {

// Row i: everything that is done with it, while it is in the first-level cache.
template <class T>
void move_row(const QkvRows& r, const RowKernels& kernels, int64_t i) {
    const int64_t d = r.shape.head_dim, half = d / 2, block = kv_block_elements(d);
    const int64_t n_q = r.shape.n_heads, n_rotated = n_q + r.shape.n_kv_heads;
    const int64_t angle = static_cast<int64_t>(r.positions[i]) * half;
    T* const row = static_cast<T*>(r.qkv) + i * r.ld;
    for (int64_t head = 0; head < n_rotated; ++head) {
        T* const x = row + head * d;
        const float* const weight = head < n_q ? r.q_norm : r.k_norm;
        if (weight != nullptr) kernels.rms_norm(1, d, x, d, weight, r.eps, x, d, nullptr);
        kernels.rope(half, r.cos_table + angle, r.sin_table + angle, 1.0f, x);
    }
    if (r.pages[i] < 0) return;
    T* const page = static_cast<T*>(r.pool) + r.pages[i] * page_elements(r.shape);
    for (int64_t head = 0; head < r.shape.n_kv_heads; ++head) {
        T* const keys = page + head * 2 * block;
        write_key(d, row + (n_q + head) * d, r.slots[i], keys);
        write_value(d, row + (n_rotated + head) * d, r.slots[i], keys + block);
    }
}

}  // namespace

void qkv_to_pages(const QkvRows& r) {
    require_attention_shape(r.shape);
    const RowKernels& kernels = row_kernels(r.dtype);
    const int64_t heads = r.shape.n_heads + 2 * r.shape.n_kv_heads;
    parallel_for(r.n, r.n * heads * r.shape.head_dim, [&](int64_t i) {
        if (r.dtype == Dtype::F32)
            move_row<float>(r, kernels, i);
        else
            move_row<bf16>(r, kernels, i);
    });
}

}  // namespace cpu
}  // namespace tbrm
