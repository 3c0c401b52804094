#pragma once
// attention.hpp - causal grouped-query attention over 64-token KV pages. One block kernel serves prefill, decode and training, and walks
// a sequence's pages in order, so the bits of a query row depend on its own keys only.
#include <tbrm/tbrm.h>

#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

constexpr int64_t kPageTokens = TBRM_PAGE_TOKENS;

struct AttentionShape {
    int64_t n_heads;     // query heads
    int64_t n_kv_heads;  // divides n_heads; query head h reads kv head h / (n_heads / n_kv_heads)
    int64_t head_dim;
    float scale;         // of the scores, mostly 1 / sqrt(head_dim)
    int64_t window = 0;  // keys that a query sees, its own included; 0: all up to its own

    // The first of n_keys keys that the last one's query sees.
    int64_t first_key(int64_t n_keys) const { return window > 0 && n_keys > window ? n_keys - window : 0; }
};

// A page of one layer: per kv head the keys, then the values, of 64 tokens, in the layout that the device's kernel wants.
// Elements of one page:
inline int64_t page_elements(const AttentionShape& shape) {
    return shape.n_kv_heads * 2 * kPageTokens * shape.head_dim;
}

namespace cpu {

// Writes keys and values of n tokens into pages. Token i: k at k + i*ld, v at v + i*ld (all kv heads side by side, after RoPE), to
// page pages[i] (index into pool, one page every page_elements), slot slots[i] in [0, 64).
void kv_write(Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v, int64_t ld,
        const int64_t* pages, const int32_t* slots, void* pool);

// n query rows; row i (all query heads side by side at q + i*ldq) attends to the first n_keys[i] tokens of the page list
// page_table + page_table_offsets[i], pages in order. out row i at out + i*ldo. out_lse [n][n_heads] natural log, or null.
// Rows of one sequence that follow one another share the walk over its keys; a row's result does not depend on that.
void paged_attention(Dtype dtype, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq, const void* pool,
        const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys, void* out, int64_t ldo,
        float* out_lse);

// Packed causal self-attention for training: qkv rows [n][q heads | k heads | v heads] with stride ldqkv, after RoPE; sequence b is rows
// [offsets[b], offsets[b+1]). The same bits as kv_write + paged_attention.
void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* offsets,
        const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse);

// dqkv (same layout as qkv, every element written) from dout. Recomputes scores from lse; memory linear in the number of tokens.
void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* offsets,
        const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse, const void* dout, int64_t lddo,
        void* dqkv, int64_t lddqkv);

// Working memory that threads keep (gemm/scratch.hpp), in bytes: of rows of queries, for each thread; of keys and values, for the thread
// that calls the forward on n_seqs sequences of at most `longest` tokens, and for each thread of the backward.
struct AttentionScratch {
    int64_t rows;
    int64_t keys;
};
AttentionScratch attention_forward_scratch(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, int64_t longest);
AttentionScratch attention_backward_scratch(Dtype dtype, const AttentionShape& shape, int64_t longest);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device, host_offsets excepted. paged and packed attention give the same bits.

void kv_write(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v,
        int64_t ld, const int64_t* pages, const int32_t* slots, void* pool);

void paged_attention(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n, const void* q,
        int64_t ldq, const void* pool, const int64_t* page_table, const int64_t* page_table_offsets,
        const int32_t* n_keys, void* out, int64_t ldo, float* out_lse);

void packed_attention_forward(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
        const int64_t* host_offsets, const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse);

void packed_attention_backward(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
        const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
        const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv);

}  // namespace cuda
}  // namespace tbrm
