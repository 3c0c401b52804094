#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "ops/kv_page.hpp"

namespace tbrm {
namespace cpu {
namespace {

template <class T>
void write_tokens(const AttentionShape& shape, int64_t n, const T* k, const T* v, int64_t ld, const int64_t* pages,
        const int32_t* slots, T* pool) {
    const int64_t d = shape.head_dim, block = kv_block_elements(d);
    parallel_for(n, n * shape.n_kv_heads * d * 4, [&](int64_t i) {
        T* page = pool + pages[i] * page_elements(shape);
        for (int64_t head = 0; head < shape.n_kv_heads; ++head) {
            T* keys = page + head * 2 * block;
            write_key(d, k + i * ld + head * d, slots[i], keys);
            write_value(d, v + i * ld + head * d, slots[i], keys + block);
        }
    });
}

}  // namespace

void require_attention_shape(const AttentionShape& shape) {
    TBRM_REQUIRE(shape.n_kv_heads > 0 && shape.n_heads % shape.n_kv_heads == 0,
            "%lld query heads do not divide into %lld kv heads", static_cast<long long>(shape.n_heads),
            static_cast<long long>(shape.n_kv_heads));
    TBRM_REQUIRE(shape.head_dim > 0 && shape.head_dim % 2 == 0, "head_dim is %lld, expected an even number",
            static_cast<long long>(shape.head_dim));
    TBRM_REQUIRE(shape.scale > 0, "the scale of attention scores is %g, expected a positive number",
            static_cast<double>(shape.scale));
}

void kv_write(Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v, int64_t ld,
        const int64_t* pages, const int32_t* slots, void* pool) {
    require_attention_shape(shape);
    if (dtype == Dtype::F32) {
        write_tokens(shape, n, static_cast<const float*>(k), static_cast<const float*>(v), ld, pages, slots,
                static_cast<float*>(pool));
    } else {
        write_tokens(shape, n, static_cast<const bf16*>(k), static_cast<const bf16*>(v), ld, pages, slots,
                static_cast<bf16*>(pool));
    }
}

}  // namespace cpu
}  // namespace tbrm
