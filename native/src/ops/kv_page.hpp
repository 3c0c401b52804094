#pragma once
// kv_page.hpp - the inside of a KV page on the processor, and the same layout for what backward packs. Per kv head of a page:
//     keys    a slab of head_dim rows and 64 columns, so that a query row times the keys is one micro-kernel tile
//     values  for each group of 64 columns of head_dim (the last may be narrower) a slab of 64 rows (tokens)
// (slab: gemm/micro_kernel.hpp). head_dim is even in bf16, so neither has padding.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/dtype.hpp"
#include "gemm/micro_kernel.hpp"
#include "ops/attention.hpp"

namespace tbrm {
namespace cpu {

// Elements of the keys, or of the values, of one kv head of a page.
inline int64_t kv_block_elements(int64_t head_dim) {
    return kPageTokens * head_dim;
}

// One token's vector into column `slot` of a keys block.
template <class T>
inline void write_key(int64_t head_dim, const T* key, int64_t slot, T* block) {
    constexpr int64_t kPack = sizeof(T) == 4 ? 1 : 2;
    for (int64_t d = 0; d < head_dim; d += kPack) {
        std::memcpy(block + d * kPageTokens + slot * kPack, key + d, 4);
    }
}

// One token's vector into row `slot` of a values block.
template <class T>
inline void write_value(int64_t head_dim, const T* value, int64_t slot, T* block) {
    for (int64_t d0 = 0; d0 < head_dim; d0 += kSlabCols) {
        const int64_t cols = std::min(kSlabCols, head_dim - d0);
        T* slab = block + d0 * kPageTokens;
        if (sizeof(T) == 4) {
            std::memcpy(slab + slot * cols, value + d0, static_cast<size_t>(cols) * sizeof(T));
            continue;
        }
        for (int64_t c = 0; c < cols; ++c) {
            slab[(slot / 2 * cols + c) * 2 + slot % 2] = value[d0 + c];
        }
    }
}

// `count` tokens, row i at src + i*ld elements, into columns [0, count) of a keys block. A pair of bf16 is one 32-bit word here, so that both
// dtypes are one transpose.
inline void pack_keys(const MicroKernels& kernels, Dtype dtype, int64_t count, int64_t head_dim, const char* src,
        int64_t ld, char* block) {
    const int64_t pack = dtype == Dtype::F32 ? 1 : 2;
    if (ld % pack != 0) {
        for (int64_t i = 0; i < count; ++i)
            write_key(head_dim, reinterpret_cast<const bf16*>(src) + i * ld, i, reinterpret_cast<bf16*>(block));
        return;
    }
    kernels.transpose_rows_f32(count, head_dim / pack, src, ld / pack, block, kPageTokens);
}

// The same into rows [0, count) of a values block.
inline void pack_values(const MicroKernels& kernels, Dtype dtype, int64_t count, int64_t head_dim, const char* src,
        int64_t ld, char* block) {
    const int64_t size = dtype_bytes(dtype);
    for (int64_t d0 = 0; d0 < head_dim; d0 += kSlabCols) {
        const int64_t cols = std::min(kSlabCols, head_dim - d0);
        kernels.interleave_rows(dtype)(count, cols, src + d0 * size, ld, cols, block + d0 * kPageTokens * size);
    }
}

// acc[rows][head_dim] += a[rows][lda] . block, over the first k tokens of a values block.
inline void add_values(const MicroKernels& kernels, Dtype dtype, int64_t rows, int64_t head_dim, int64_t k,
        const void* a, int64_t lda, const void* block, float* acc, int64_t ldacc) {
    for (int64_t d0 = 0; d0 < head_dim; d0 += kSlabCols) {
        kernels.tile(dtype)(rows, std::min(kSlabCols, head_dim - d0), k, a, lda,
                static_cast<const char*>(block) + d0 * kPageTokens * dtype_bytes(dtype), acc + d0, ldacc, true);
    }
}

void require_attention_shape(const AttentionShape& shape);

}  // namespace cpu
}  // namespace tbrm
